import { leftoverObjects } from './leftover-objects.ts';
import { missingRights } from '../access.ts';
import { EngineError } from '../engine-error.ts';
import type { Engine, EngineContext, EngineProblem } from '../engine.ts';
import { chaosObjectOf, removeChaos, removeChaosCommand, removeChaosKind } from './remove-chaos.ts';

const controllerName = 'chaos-controller-manager';
const crdName = 'podchaos.chaos-mesh.org';

/** The engine that breaks things through Chaos Mesh's custom resources. */
export const chaosMeshEngine: Engine = {
  name: 'chaos-mesh',
  preflight: chaosMeshProblems,
  async undo(entry, { kube }, signal) {
    if (entry.kind !== removeChaosKind) {
      throw new EngineError('chaos-mesh', `does not know the undo "${entry.kind}" (entry ${entry.id})`);
    }
    return `${chaosObjectOf(entry)}: ${await removeChaos(kube, entry, signal)}`;
  },
  leftovers: leftoverObjects,
  manualCommand: removeChaosCommand,
};

interface Deployment {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec?: { replicas?: number };
  status?: { readyReplicas?: number };
}

async function chaosMeshProblems(context: EngineContext, signal: AbortSignal): Promise<readonly EngineProblem[]> {
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
  const namespace = chaosMesh.faultNamespace ?? context.cluster.namespace;
  const rights = ['create', 'get', 'patch', 'delete'].map((verb) => ({
    group: 'chaos-mesh.org',
    resource: 'podchaos',
    verb,
    namespace,
  }));
  return missingRights(kube, rights, signal);
}
