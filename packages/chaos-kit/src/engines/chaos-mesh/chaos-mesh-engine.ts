import { leftoverObjects } from './leftover-objects.ts';
import { EngineError } from '../engine-error.ts';
import type { Engine, EngineContext, EngineProblem, UndoEntry } from '../engine.ts';
import { unmetNeeds } from './needs.ts';
import { releasePod, releasePodKind } from './pod-level.ts';
import { chaosObjectOf, removeChaos, removeChaosCommand, removeChaosKind } from './remove-chaos.ts';

const controllerName = 'chaos-controller-manager';
const crdName = 'podchaos.chaos-mesh.org';

/** The engine that breaks things through Chaos Mesh's custom resources. */
export const chaosMeshEngine: Engine = {
  name: 'chaos-mesh',
  preflight: chaosMeshProblems,
  async undo(entry, { kube }, signal) {
    if (entry.kind === removeChaosKind) return `${chaosObjectOf(entry)}: ${await removeChaos(kube, entry, signal)}`;
    if (entry.kind === releasePodKind) {
      const { kind, pod, source } = releaseOf(entry);
      return releasePod(kube, kind, pod, source, signal);
    }
    throw new EngineError('chaos-mesh', `does not know the undo "${entry.kind}" (entry ${entry.id})`);
  },
  leftovers: leftoverObjects,
  manualCommand(entry) {
    if (entry.kind !== releasePodKind) return removeChaosCommand(entry);
    const { kind, pod, source } = releaseOf(entry);
    const name = `${kind.toLowerCase()}.chaos-mesh.org ${pod.name} -n ${pod.namespace}`;
    return `kubectl edit ${name} # and remove everything whose source is ${source}`;
  },
};

function releaseOf({ data }: UndoEntry): { kind: string; pod: { namespace: string; name: string }; source: string } {
  const { kind, namespace, name, source } = data;
  if (
    typeof kind !== 'string' ||
    typeof namespace !== 'string' ||
    typeof name !== 'string' ||
    typeof source !== 'string'
  ) {
    throw new EngineError('chaos-mesh', `undo data lacks kind, namespace, name or source: ${JSON.stringify(data)}`);
  }
  return { kind, pod: { namespace, name }, source };
}

interface Deployment {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec?: { replicas?: number };
  status?: { readyReplicas?: number };
}

async function chaosMeshProblems(
  context: EngineContext,
  signal: AbortSignal,
  needs: readonly string[],
): Promise<readonly EngineProblem[]> {
  const { kube, chaosMesh } = context;
  const crd = await kube.find(
    { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', name: crdName },
    { signal },
  );
  if (crd === undefined) {
    return [{ missing: `CRD ${crdName} is not installed`, remedy: 'install Chaos Mesh or use engine "kubernetes"' }];
  }
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: chaosMesh.namespace, name: controllerName };
  const controller = await kube.find<Deployment>(ref, { signal });
  if (controller === undefined) {
    const missing = `Deployment ${chaosMesh.namespace}/${controllerName} does not exist`;
    return [{ missing, remedy: 'set chaosMesh.namespace in chaos.config.ts to where Chaos Mesh runs' }];
  }
  if ((controller.status?.readyReplicas ?? 0) < 1) {
    const missing = `Deployment ${chaosMesh.namespace}/${controllerName} has no ready replica`;
    return [{ missing, remedy: `kubectl -n ${chaosMesh.namespace} describe deployment ${controllerName}` }];
  }
  return unmetNeeds(context, signal, needs.length === 0 ? ['PodChaos'] : needs);
}
