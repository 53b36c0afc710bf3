import { NotFoundError } from '@cnpg-chaos/cnpg-utils';
import { managedByLabels, runLabel } from '../../safety/labels.ts';
import type { EngineContext, Leftover } from '../engine.ts';
import { chaosMeshApiVersion, type ChaosObject } from './chaos-object.ts';
import { removeChaosStep } from './remove-chaos.ts';

/** Kinds of fault objects that the kit creates. */
export const faultKinds = ['PodChaos', 'NetworkChaos', 'IOChaos', 'StressChaos', 'TimeChaos', 'DNSChaos'] as const;

const labelSelector = Object.entries(managedByLabels)
  .map(([key, value]) => `${key}=${value}`)
  .join(',');

/** Fault objects of the kit that are still there, by label. A kind whose CRD is not installed has none. */
export async function leftoverObjects(context: EngineContext, signal: AbortSignal): Promise<readonly Leftover[]> {
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
      // items of a list carry neither kind nor version
      return objects.map((object) => leftover({ ...object, kind }));
    }),
  );
  return found.flat();
}

function leftover(object: ChaosObject): Leftover {
  const pods = (object.status?.experiment?.containerRecords ?? []).map(({ id }) => id.split('/').slice(0, 2).join('/'));
  return {
    what: `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`,
    undo: removeChaosStep(object, [...new Set(pods)]),
    runId: object.metadata.labels?.[runLabel],
  };
}
