import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import { clusterRef, describeCluster, getCluster, type ClusterWaitOptions } from './cluster.ts';
import { checkCluster } from './schemas.ts';
import type { Cluster } from './types.ts';

/** How a cluster follows another one (`spec.replica`). */
export interface ReplicaMode {
  /** Older form: whether it follows. */
  enabled?: boolean;
  /** Name of this cluster among those of a distributed topology. @default its own */
  self?: string;
  /** Name of the cluster that is primary in a distributed topology. */
  primary?: string;
  /** Name of the external cluster that it follows. */
  source?: string;
  /** What the demoted primary cluster wrote into `status.demotionToken`. */
  promotionToken?: string;
}

/** Whether a cluster follows another one, as the operator judges it. */
export function isReplicaCluster({ metadata, spec }: Cluster): boolean {
  const mode = spec['replica'] as ReplicaMode | undefined;
  if (mode?.enabled !== undefined) return mode.enabled;
  return mode?.primary !== undefined && mode.primary !== (mode.self ?? metadata?.name);
}

/**
 * Lets a cluster follow another one, or be on its own again. Returns at once.
 *
 * @throws InvalidError when the operator refuses it, for example because the source is no known external cluster
 */
export async function setReplicaMode(
  kube: KubeClient,
  ref: NamespacedName,
  mode: ReplicaMode,
  options: CallOptions = {},
): Promise<Cluster> {
  return checkCluster(await kube.patch<Cluster>(clusterRef(ref), { spec: { replica: mode } }, options));
}

/**
 * Waits for the token with which another cluster can take over without losing a transaction. The operator writes it once
 * this cluster has become a replica and its last WAL is archived.
 *
 * @param options.timeoutMs @default 240000 (`timeouts.failover`)
 * @throws WaitTimeoutError
 */
export async function waitForDemotionToken(
  kube: KubeClient,
  ref: NamespacedName,
  options: ClusterWaitOptions = {},
): Promise<string> {
  return await waitFor(
    `the demotion token of Cluster ${ref.namespace}/${ref.name}`,
    async (signal, probe) => {
      const cluster = await getCluster(kube, ref, { signal });
      probe.observe(describeCluster(cluster));
      const token = cluster.status?.['demotionToken'];
      return typeof token === 'string' && token !== '' ? token : undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.failover },
  );
}
