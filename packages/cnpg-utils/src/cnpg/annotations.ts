import type { KubeClient } from '../kube/client.ts';
import { ConflictError, isTransientKubeError } from '../kube/errors.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { retry } from '../retry.ts';
import { clusterRef, getCluster } from './cluster.ts';
import { checkCluster } from './schemas.ts';
import type { Cluster } from './types.ts';

/**
 * Sets annotations of a Cluster; undefined removes one. Returns the cluster as the API server has it then.
 *
 * @throws NotFoundError; InvalidError when the operator's webhook refuses it
 */
export async function annotateCluster(
  kube: KubeClient,
  ref: NamespacedName,
  values: Record<string, string | undefined>,
  options: CallOptions = {},
): Promise<Cluster> {
  const patch = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? null]));
  return checkCluster(await kube.patch<Cluster>(clusterRef(ref), { metadata: { annotations: patch } }, options));
}

/**
 * Changes one annotation of a Cluster depending on its value, and only if nobody changed the cluster meanwhile: else
 * it is read and changed again. Nothing is written when the value stays the same.
 */
export async function editAnnotations(
  kube: KubeClient,
  ref: NamespacedName,
  change: (value: string | undefined) => string | undefined,
  options: CallOptions & { annotation: string },
): Promise<Cluster> {
  const { annotation, ...call } = options;
  return await retry(
    async () => {
      const cluster = await getCluster(kube, ref, call);
      const value = cluster.metadata?.annotations?.[annotation];
      const wanted = change(value);
      if (wanted === value) return cluster;
      const resourceVersion = cluster.metadata?.resourceVersion;
      const metadata = {
        annotations: { [annotation]: wanted ?? null },
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      };
      return checkCluster(await kube.patch<Cluster>(clusterRef(ref), { metadata }, call));
    },
    {
      // The result is the same however often it is done.
      retryIf: (error) => error instanceof ConflictError || isTransientKubeError(error),
      retries: 8,
      minTimeoutMs: 50,
      maxTimeoutMs: 2_000,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    },
  );
}
