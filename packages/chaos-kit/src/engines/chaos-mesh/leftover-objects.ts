import { NotFoundError } from '@cnpg-chaos/cnpg-utils';
import { managedByLabels, runLabel } from '../../safety/labels.ts';
import type { EngineContext, Leftover } from '../engine.ts';
import { chaosMeshApiVersion, type ChaosObject, faultKinds } from './chaos-object.ts';
import { isSettled, listPodLevel, podLevelKinds, releasePodStep, sourcesOf } from './pod-level.ts';
import { removeChaosStep } from './remove-chaos.ts';

const labelSelector = Object.entries(managedByLabels)
  .map(([key, value]) => `${key}=${value}`)
  .join(',');

/**
 * Fault objects of the kit that are still there, by label, those that only a finalizer keeps among them; and rules on pods
 * whose fault object is gone, or that the controller has not taken out of the pod yet. A kind whose CRD is not installed has none.
 */
export async function leftoverObjects(context: EngineContext, signal: AbortSignal): Promise<readonly Leftover[]> {
  const [objects, rules] = await Promise.all([faultObjects(context, signal), orphanedRules(context, signal)]);
  return [...objects, ...rules];
}

async function faultObjects(context: EngineContext, signal: AbortSignal): Promise<Leftover[]> {
  const { kube, chaosMesh, cluster } = context;
  const namespace = chaosMesh.faultNamespace ?? cluster.namespace;
  const found = await Promise.all(
    faultKinds.map(async (kind) => {
      const objects = await kube
        .list<ChaosObject>({ apiVersion: chaosMeshApiVersion, kind, namespace }, { labelSelector, signal })
        .catch((error: unknown) => {
          if (error instanceof NotFoundError) return [];
          throw error;
        });
      return objects.map(leftover);
    }),
  );
  return found.flat();
}

function leftover(object: ChaosObject): Leftover {
  const pods = (object.status?.experiment?.containerRecords ?? []).map(({ id }) => id.split('/').slice(0, 2).join('/'));
  const { namespace, name, deletionTimestamp, finalizers = [] } = object.metadata;
  const stuck = deletionTimestamp === undefined ? '' : `, deleted but kept by ${finalizers.join(', ')}`;
  return {
    what: `${object.kind} ${namespace}/${name}${stuck}`,
    undo: removeChaosStep(object, [...new Set(pods)]),
    runId: object.metadata.labels?.[runLabel],
  };
}

async function orphanedRules(context: EngineContext, signal: AbortSignal): Promise<Leftover[]> {
  const { kube, cluster, operatorNamespace } = context;
  const found = await Promise.all(
    Object.entries(podLevelKinds).map(async ([parentKind, kind]) => {
      const lists = [cluster.namespace, operatorNamespace].map((place) => listPodLevel(kube, kind, place, signal));
      const objects = (await Promise.all(lists)).flat();
      const sources = [...new Set(objects.flatMap(sourcesOf))];
      const alive = new Set<string>();
      for (const source of sources) {
        const [namespace = '', name = ''] = source.split('/');
        const ref = { apiVersion: chaosMeshApiVersion, kind: parentKind, namespace, name };
        if ((await kube.find(ref, { signal })) !== undefined) alive.add(source);
      }
      return objects.flatMap((object): Leftover[] => {
        const what = `${kind} ${object.metadata.namespace}/${object.metadata.name}`;
        const undo = (source: string) => releasePodStep(kind, object.metadata, source);
        if (sourcesOf(object).length === 0 && !isSettled(object)) {
          return [{ what: `${what} has no rules, and what is in the pod is not known yet`, undo: undo('') }];
        }
        return sourcesOf(object)
          .filter((source) => !alive.has(source))
          .map((source) => ({ what: `${what} has rules of ${source}, which is gone`, undo: undo(source) }));
      });
    }),
  );
  return found.flat();
}
