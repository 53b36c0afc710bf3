import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { ClusterWaitOptions } from './cluster.ts';
import { CNPG_API_VERSION, labels } from './constants.ts';
import { isPodReady, isPodTerminating, podTrouble } from './pod-state.ts';

const POOLER = { apiVersion: CNPG_API_VERSION, kind: 'Pooler' } as const;

/** What a pooler shall be like. */
export interface PoolerSettings {
  /** Name of the cluster that it leads to. */
  cluster: string;
  /** To the primary, to the replicas, or to all. @default 'rw' */
  type?: 'rw' | 'ro' | 'r';
  /** Number of its pods. @default 1 */
  instances?: number;
  /** When a server connection goes to another client. @default 'session' */
  poolMode?: 'session' | 'transaction';
  /** Parameters of PgBouncer. */
  parameters?: Record<string, string>;
  /** Pod template; what it says of the container `pgbouncer`, such as another image, is kept. */
  template?: Record<string, unknown>;
}

/** Creates a pooler (PgBouncer) of a cluster. Returns at once; see {@link waitForPooler}. @throws ConflictError, InvalidError */
export async function createPooler(
  kube: KubeClient,
  ref: NamespacedName,
  settings: PoolerSettings,
  options: CallOptions = {},
): Promise<void> {
  const { cluster, type = 'rw', instances = 1, poolMode = 'session', parameters, template } = settings;
  const pgbouncer = { poolMode, ...(parameters === undefined ? {} : { parameters }) };
  const spec = {
    cluster: { name: cluster },
    type,
    instances,
    pgbouncer,
    ...(template === undefined ? {} : { template }),
  };
  const object = { ...POOLER, metadata: { namespace: ref.namespace, name: ref.name }, spec };
  await kube.create(object, options);
}

/** Pods of a pooler. They are no instances of the cluster. */
export async function listPoolerPods(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<V1Pod[]> {
  return await kube.list<V1Pod>(
    { apiVersion: 'v1', kind: 'Pod', namespace: ref.namespace },
    { labelSelector: `${labels.pooler}=${ref.name},${labels.podRole}=pooler`, ...options },
  );
}

/**
 * Waits until a pooler has as many ready pods as it should, and no others.
 *
 * @param options.timeoutMs @default 300000 (`timeouts.clusterIsReadyQuick`)
 * @returns its pods
 * @throws WaitTimeoutError, NotFoundError
 */
export async function waitForPooler(
  kube: KubeClient,
  ref: NamespacedName,
  options: ClusterWaitOptions = {},
): Promise<V1Pod[]> {
  return await waitFor(
    `Pooler ${ref.namespace}/${ref.name}`,
    async (signal, probe) => {
      const [pooler, pods] = await Promise.all([
        kube.get({ ...POOLER, namespace: ref.namespace, name: ref.name }, { signal }),
        listPoolerPods(kube, ref, { signal }),
      ]);
      const wanted = (pooler as { spec?: { instances?: number } }).spec?.instances ?? 1;
      const ready = pods.filter((pod) => isPodReady(pod) && !isPodTerminating(pod));
      if (ready.length === wanted && pods.length === wanted) return pods;
      probe.observe(`${ready.length} of ${wanted} ready, ${pods.length} there; ${pods.flatMap(podTrouble).join('; ')}`);
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.clusterIsReadyQuick, intervalMs: 500 },
  );
}

/** Lets a pooler hold its clients' queries back, or go on. */
export async function pausePooler(
  kube: KubeClient,
  ref: NamespacedName,
  paused: boolean,
  options: CallOptions = {},
): Promise<void> {
  const pooler = { ...POOLER, namespace: ref.namespace, name: ref.name };
  await kube.patch(pooler, { spec: { pgbouncer: { paused } } }, options);
}
