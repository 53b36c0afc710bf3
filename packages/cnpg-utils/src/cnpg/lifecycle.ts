import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import { annotateCluster } from './annotations.ts';
import {
  clusterRef,
  describeCluster,
  getCluster,
  isClusterReady,
  waitForClusterReady,
  type ClusterWaitOptions,
} from './cluster.ts';
import { checkCluster } from './schemas.ts';
import { annotations, conditions, labels } from './constants.ts';
import type { Cluster } from './types.ts';

/**
 * Asks for another number of instances. Returns at once; see `waitForClusterReady`.
 *
 * @throws InvalidError for a number that CloudNativePG refuses
 */
export async function scaleCluster(
  kube: KubeClient,
  ref: NamespacedName,
  instances: number,
  options: CallOptions = {},
): Promise<Cluster> {
  return checkCluster(await kube.patch<Cluster>(clusterRef(ref), { spec: { instances } }, options));
}

/**
 * Waits until the operator reports one of some phases; see `phases`.
 *
 * @param options.timeoutMs @default 300000
 * @throws WaitTimeoutError
 */
export async function waitForPhase(
  kube: KubeClient,
  ref: NamespacedName,
  wanted: string | readonly string[],
  options: ClusterWaitOptions = {},
): Promise<Cluster> {
  const list = typeof wanted === 'string' ? [wanted] : wanted;
  return await waitFor(
    `Cluster ${ref.namespace}/${ref.name} to be in phase ${list.map((phase) => `"${phase}"`).join(' or ')}`,
    async (signal, probe) => {
      const cluster = await getCluster(kube, ref, { signal });
      probe.observe(describeCluster(cluster));
      return cluster.status?.phase !== undefined && list.includes(cluster.status.phase) ? cluster : undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.clusterIsReadyQuick, intervalMs: 500 },
  );
}

/**
 * Asks for a rolling restart of all instances, the replicas first. Returns the time that stands for it, for
 * {@link waitForRestarted}.
 */
export async function restartCluster(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<string> {
  const requested = new Date().toISOString();
  await annotateCluster(kube, ref, { [annotations.restartedAt]: requested }, options);
  return requested;
}

/**
 * Waits until every instance was restarted since the request and the operator reports the cluster ready.
 *
 * @param requested what {@link restartCluster} returned
 * @param options.timeoutMs @default 600000
 * @throws WaitTimeoutError naming the instances that are left
 */
export async function waitForRestarted(
  kube: KubeClient,
  ref: NamespacedName,
  requested: string,
  options: ClusterWaitOptions = {},
): Promise<Cluster> {
  return await waitFor(
    `the restart of Cluster ${ref.namespace}/${ref.name}`,
    async (signal, probe) => {
      const [cluster, pods] = await Promise.all([getCluster(kube, ref, { signal }), instancePods(kube, ref, signal)]);
      const left = pods.filter(({ metadata }) => metadata?.annotations?.[annotations.restartedAt] !== requested);
      if (left.length === 0 && pods.length === cluster.spec.instances && isClusterReady(cluster)) return cluster;
      const names = left.map(({ metadata }) => metadata?.name ?? '?').join(', ');
      probe.observe(`${describeCluster(cluster)}; not restarted yet: ${names || 'none'}`);
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.clusterIsReady },
  );
}

/**
 * Hibernates a cluster and waits until its pods are gone; its volumes stay.
 *
 * @param options.timeoutMs @default 300000
 * @throws WaitTimeoutError with the operator's reason
 */
export async function hibernate(
  kube: KubeClient,
  ref: NamespacedName,
  options: ClusterWaitOptions = {},
): Promise<Cluster> {
  await annotateCluster(kube, ref, { [annotations.hibernation]: 'on' }, callOptions(options));
  return await waitFor(
    `Cluster ${ref.namespace}/${ref.name} to be hibernated`,
    async (signal, probe) => {
      const [cluster, pods] = await Promise.all([getCluster(kube, ref, { signal }), instancePods(kube, ref, signal)]);
      const condition = cluster.status?.conditions?.find(({ type }) => type === conditions.hibernation);
      if (condition?.status === 'True' && pods.length === 0) return cluster;
      const why =
        condition === undefined ? 'no condition yet' : `${condition.reason ?? '?'}: ${condition.message ?? ''}`;
      probe.observe(`${why}; ${pods.length} instance pods left`);
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.clusterIsReadyQuick },
  );
}

/**
 * Wakes a hibernated cluster and waits until it is ready.
 *
 * @param options.timeoutMs @default 600000
 * @throws WaitTimeoutError
 */
export async function rehydrate(
  kube: KubeClient,
  ref: NamespacedName,
  options: ClusterWaitOptions = {},
): Promise<Cluster> {
  await annotateCluster(kube, ref, { [annotations.hibernation]: 'off' }, callOptions(options));
  // The status says "healthy" until the operator looks again, but there are no pods: both are needed.
  await waitFor(
    `Cluster ${ref.namespace}/${ref.name} to have its pods back`,
    async (signal, probe) => {
      const [cluster, pods] = await Promise.all([getCluster(kube, ref, { signal }), instancePods(kube, ref, signal)]);
      if (pods.length === cluster.spec.instances) return true;
      probe.observe(`${pods.length} of ${cluster.spec.instances} pods; ${describeCluster(cluster)}`);
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.clusterIsReady },
  );
  return await waitForClusterReady(kube, ref, options);
}

function callOptions(options: ClusterWaitOptions): CallOptions {
  return options.signal === undefined ? {} : { signal: options.signal };
}

async function instancePods(kube: KubeClient, ref: NamespacedName, signal: AbortSignal): Promise<V1Pod[]> {
  return await kube.list<V1Pod>(
    { apiVersion: 'v1', kind: 'Pod', namespace: ref.namespace },
    { labelSelector: `${labels.cluster}=${ref.name},${labels.podRole}=instance`, signal },
  );
}
