import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { getCluster } from './cluster.ts';
import { labels, PENDING_PRIMARY, POSTGRES_CONTAINER } from './constants.ts';
import { isContainerRunning, isPodReady, isPodTerminating, podRestarts } from './pod-state.ts';

/** Role that the operator gave an instance by label. `unhealthy`: the old primary of a failover. */
export type InstanceRole = 'primary' | 'replica' | 'unhealthy';

/** The pod behind an instance. Name and uid together identify it: names are used again. */
export interface InstancePod {
  name: string;
  uid: string;
  /** Undefined until the pod's network is there. */
  ip?: string;
  /** Undefined until it is scheduled. */
  node?: string;
  /** `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`. */
  phase: string;
  ready: boolean;
  /** Its PostgreSQL container runs, as far as its kubelet has told. */
  running: boolean;
  /** Somebody asked for its deletion. */
  terminating: boolean;
  /** Restarts of its containers, all together. */
  restarts: number;
}

/** One PostgreSQL instance of a cluster. */
export interface Instance {
  /** `<cluster>-<serial>`. */
  name: string;
  pod: InstancePod;
  /** Undefined when the operator has not labelled the pod yet. */
  role?: InstanceRole;
  /** Its label says primary. The label may lie during a failover; see `primaryTruth`. */
  isPrimary: boolean;
}

/** The primary that a cluster's status names has no pod, or the status names none. */
export class NoPrimaryError extends Error {
  override readonly name = 'NoPrimaryError';
  readonly code = 'CNPG_NO_PRIMARY';
}

/** All pods that are labelled primary are just being deleted. */
export class PrimaryTerminatingError extends Error {
  override readonly name = 'PrimaryTerminatingError';
  readonly code = 'CNPG_PRIMARY_TERMINATING';
}

/** More than one pod is labelled primary and not being deleted. */
export class MultiplePrimariesError extends Error {
  override readonly name = 'MultiplePrimariesError';
  readonly code = 'CNPG_MULTIPLE_PRIMARIES';
}

/** All instance pods of a cluster by name, pods of jobs and poolers left out. */
export async function listInstances(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<Instance[]> {
  const pods = await kube.list<V1Pod>(
    { apiVersion: 'v1', kind: 'Pod', namespace: ref.namespace },
    { labelSelector: `${labels.cluster}=${ref.name},${labels.podRole}=instance`, ...options },
  );
  return instancesOf(pods);
}

/** The instances among some pods of one cluster, sorted by serial. Pods of jobs and poolers are left out. */
export function instancesOf(pods: V1Pod[]): Instance[] {
  return pods
    .filter((pod) => pod.metadata?.labels?.[labels.podRole] === 'instance')
    .map(instanceOf)
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** What an instance pod says about its instance. */
export function instanceOf(pod: V1Pod): Instance {
  const { metadata, spec, status } = pod;
  const name = metadata?.name ?? '';
  const role = roleOf(metadata?.labels?.[labels.instanceRole]);
  return {
    name: metadata?.labels?.[labels.instanceName] ?? name,
    pod: {
      name,
      uid: metadata?.uid ?? '',
      ...(status?.podIP === undefined ? {} : { ip: status.podIP }),
      ...(spec?.nodeName === undefined ? {} : { node: spec.nodeName }),
      phase: status?.phase ?? 'Unknown',
      ready: isPodReady(pod),
      running: isContainerRunning(pod, POSTGRES_CONTAINER),
      terminating: isPodTerminating(pod),
      restarts: podRestarts(pod),
    },
    ...(role === undefined ? {} : { role }),
    isPrimary: role === 'primary',
  };
}

/**
 * The instance that `status.currentPrimary` names.
 *
 * @throws NoPrimaryError when the status names none, or its pod does not exist
 */
export async function currentPrimary(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<Instance> {
  const [cluster, instances] = await Promise.all([getCluster(kube, ref, options), listInstances(kube, ref, options)]);
  const name = cluster.status?.currentPrimary;
  const where = `Cluster ${ref.namespace}/${ref.name}`;
  if (name === undefined || name === '' || name === PENDING_PRIMARY) {
    throw new NoPrimaryError(`${where} has no current primary; phase: ${cluster.status?.phase ?? 'none yet'}`);
  }
  const primary = instances.find((instance) => instance.name === name);
  if (primary === undefined) {
    const existing = instances.map((instance) => instance.name).join(', ') || 'none';
    throw new NoPrimaryError(`${where}: its current primary ${name} has no pod; instance pods: ${existing}`);
  }
  return primary;
}

/**
 * The instance whose pod is labelled primary: the one that the `-rw` service leads to. See {@link currentPrimary} for the
 * one that the status names, and `primaryTruth` for all sources.
 *
 * @throws NoPrimaryError, PrimaryTerminatingError, MultiplePrimariesError
 */
export async function labelledPrimary(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<Instance> {
  const labelled = (await listInstances(kube, ref, options)).filter(({ isPrimary }) => isPrimary);
  const where = `Cluster ${ref.namespace}/${ref.name}`;
  const [primary, ...others] = labelled.filter(({ pod }) => !pod.terminating);
  if (primary === undefined) {
    if (labelled.length === 0) throw new NoPrimaryError(`${where}: no pod is labelled primary`);
    const going = labelled.map(({ name }) => name).join(', ');
    throw new PrimaryTerminatingError(`${where}: its pod labelled primary is being deleted: ${going}`);
  }
  if (others.length > 0) {
    const all = [primary, ...others].map(({ name }) => name).join(', ');
    throw new MultiplePrimariesError(`${where}: several pods are labelled primary: ${all}`);
  }
  return primary;
}

/**
 * Instances whose pods are labelled replica and not being deleted. One that is labelled `unhealthy`, or not labelled, is
 * no replica. May be empty.
 */
export async function listReplicas(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<Instance[]> {
  return (await listInstances(kube, ref, options)).filter(({ role, pod }) => role === 'replica' && !pod.terminating);
}

function roleOf(label: string | undefined): InstanceRole | undefined {
  return label === 'primary' || label === 'replica' || label === 'unhealthy' ? label : undefined;
}
