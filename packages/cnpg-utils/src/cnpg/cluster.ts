import type { V1Job, V1PersistentVolume, V1PersistentVolumeClaim, V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { InvalidError, NotFoundError } from '../kube/errors.ts';
import type { CallOptions, NamespacedName, ResourceRef } from '../kube/refs.ts';
import { WrongKindError } from '../kube/yaml.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import { CLUSTER_KIND, CNPG_API_VERSION, labels, phases } from './constants.ts';
import { checkCluster } from './schemas.ts';
import { podTrouble } from './pod-state.ts';
import type { Cluster } from './types.ts';

/** Options of the functions that wait for a cluster. */
export interface ClusterWaitOptions {
  /** Deadline in milliseconds. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Called with each new state while waiting. */
  onProgress?: (state: string, elapsedMs: number) => void;
}

/** Reference of a Cluster object. */
export function clusterRef(ref: NamespacedName): ResourceRef {
  return { apiVersion: CNPG_API_VERSION, kind: CLUSTER_KIND, namespace: ref.namespace, name: ref.name };
}

/**
 * Creates a cluster. Returns as soon as the API server has it; see {@link waitForClusterReady}.
 *
 * @throws WrongKindError when it is no Cluster of CloudNativePG; InvalidError with one sentence per refused field,
 * ConflictError when it exists, NamespaceTerminatingError, CnpgNotInstalledError
 */
export async function createCluster(kube: KubeClient, manifest: Cluster, options: CallOptions = {}): Promise<Cluster> {
  if (manifest.metadata?.namespace === undefined || manifest.metadata.name === undefined) {
    throw new InvalidError('create Cluster: metadata.name and metadata.namespace are needed');
  }
  const { apiVersion, kind } = manifest;
  if (kind !== CLUSTER_KIND || apiVersion !== CNPG_API_VERSION) {
    // Others have kinds of that name, too.
    throw new WrongKindError(
      `${manifest.metadata.namespace}/${manifest.metadata.name}`,
      `expected a ${CLUSTER_KIND} of ${CNPG_API_VERSION}, got a ${kind} of ${apiVersion}`,
    );
  }
  return checkCluster(await kube.create<Cluster>(manifest, options));
}

/** There is no cluster of that name. The message names those that are there. */
export class ClusterNotFoundError extends NotFoundError {
  override readonly name = 'ClusterNotFoundError';
  override readonly code = 'CNPG_CLUSTER_NOT_FOUND';
}

/** Reads a cluster. @throws ClusterNotFoundError; CnpgNotInstalledError when the API server does not know the kind */
export async function getCluster(kube: KubeClient, ref: NamespacedName, options: CallOptions = {}): Promise<Cluster> {
  try {
    return checkCluster(await kube.get<Cluster>(clusterRef(ref), options));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new ClusterNotFoundError(
      `there is no Cluster ${ref.name} in namespace ${ref.namespace}; ${await clustersThere(kube, ref, options)}`,
      { status: 404, cause: error },
    );
  }
}

/** Reads a cluster; undefined when there is none. @throws CnpgNotInstalledError */
export async function findCluster(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<Cluster | undefined> {
  const found = await kube.find<Cluster>(clusterRef(ref), options);
  return found === undefined ? undefined : checkCluster(found);
}

async function clustersThere(kube: KubeClient, ref: NamespacedName, options: CallOptions): Promise<string> {
  try {
    const there = await kube.list<Cluster>({ apiVersion: CNPG_API_VERSION, kind: CLUSTER_KIND }, options);
    const names = there.map(({ metadata }) => `${metadata?.namespace ?? '?'}/${metadata?.name ?? '?'}`);
    return `there are: ${names.slice(0, 10).join(', ') || 'none'}${names.length > 10 ? ', …' : ''}`;
  } catch {
    return 'others could not be listed';
  }
}

/**
 * Whether the operator reports the cluster as healthy with all its instances ready. It says nothing about streaming or
 * services; see `clusterHealth` for that.
 */
export function isClusterReady(cluster: Cluster): boolean {
  const { phase, readyInstances, instances } = cluster.status ?? {};
  return phase === phases.healthy && readyInstances === cluster.spec.instances && instances === cluster.spec.instances;
}

/**
 * Waits until the operator reports the cluster healthy with all instances ready.
 *
 * @param options.timeoutMs @default 600000
 * @throws WaitTimeoutError with phase, ready instances and what its pods are stuck at
 */
export async function waitForClusterReady(
  kube: KubeClient,
  ref: NamespacedName,
  options: ClusterWaitOptions = {},
): Promise<Cluster> {
  return await waitFor(
    `Cluster ${ref.namespace}/${ref.name} to be ready`,
    async (signal, probe) => {
      const cluster = await getCluster(kube, ref, { signal });
      if (isClusterReady(cluster)) return cluster;
      const pods = await clusterPods(kube, ref, signal);
      probe.observe([describeCluster(cluster), ...pods.flatMap(podTrouble)].join('; '));
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.clusterIsReady },
  );
}

/** The state of a cluster in one line, as the operator reports it. */
export function describeCluster(cluster: Cluster): string {
  const { status } = cluster;
  if (status?.phase === undefined) return 'no status yet';
  const reason = status.phaseReason === undefined || status.phaseReason === '' ? '' : ` (${status.phaseReason})`;
  const primary =
    status.currentPrimary === status.targetPrimary
      ? `primary ${status.currentPrimary ?? 'none'}`
      : `primary ${status.currentPrimary ?? 'none'} → ${status.targetPrimary ?? 'none'}`;
  return `${status.phase}${reason}, ${status.readyInstances ?? 0} of ${cluster.spec.instances} ready, ${primary}`;
}

/**
 * Deletes a cluster and waits until its pods, jobs, volume claims and the volumes behind them are gone. Does the rest
 * when the cluster itself is gone already.
 *
 * @param options.timeoutMs @default 180000
 * @throws WaitTimeoutError naming what is left
 */
export async function deleteCluster(
  kube: KubeClient,
  ref: NamespacedName,
  options: ClusterWaitOptions = {},
): Promise<void> {
  const selection = { labelSelector: `${labels.cluster}=${ref.name}` };
  const { namespace } = ref;
  const volumes = new Set<string>();
  const rememberVolumes = (claims: V1PersistentVolumeClaim[]) => {
    for (const claim of claims) if (claim.spec?.volumeName !== undefined) volumes.add(claim.spec.volumeName);
  };
  const claimsOf = (signal: AbortSignal | undefined) =>
    kube.list<V1PersistentVolumeClaim>(
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace },
      { ...selection, ...(signal === undefined ? {} : { signal }) },
    );
  rememberVolumes(await claimsOf(options.signal));
  await kube.deleteIfExists(clusterRef(ref), options.signal === undefined ? {} : { signal: options.signal });

  await waitFor(
    `Cluster ${ref.namespace}/${ref.name} to be gone`,
    async (signal, probe) => {
      const [cluster, pods, jobs, claims] = await Promise.all([
        kube.find<Cluster>(clusterRef(ref), { signal }),
        kube.list<V1Pod>({ apiVersion: 'v1', kind: 'Pod', namespace }, { ...selection, signal }),
        kube.list<V1Job>({ apiVersion: 'batch/v1', kind: 'Job', namespace }, { ...selection, signal }),
        claimsOf(signal),
      ]);
      rememberVolumes(claims);
      const kept = await Promise.all([...volumes].map((name) => findDeletableVolume(kube, name, signal)));
      const left = [
        ...(cluster === undefined ? [] : [leftover('Cluster', cluster)]),
        ...pods.map((pod) => leftover('Pod', pod)),
        ...jobs.map((job) => leftover('Job', job)),
        ...claims.map((claim) => leftover('PersistentVolumeClaim', claim)),
        ...kept.flatMap((volume) => (volume === undefined ? [] : [leftover('PersistentVolume', volume)])),
      ];
      if (left.length === 0) return true;
      probe.observe(`left: ${left.join(', ')}`);
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.clusterDeletion, intervalMs: 500 },
  );
}

async function findDeletableVolume(
  kube: KubeClient,
  name: string,
  signal: AbortSignal,
): Promise<V1PersistentVolume | undefined> {
  const volume = await kube.find<V1PersistentVolume>({ apiVersion: 'v1', kind: 'PersistentVolume', name }, { signal });
  return volume?.spec?.persistentVolumeReclaimPolicy === 'Delete' ? volume : undefined;
}

function leftover(kind: string, object: { metadata?: { name?: string; finalizers?: string[] } }): string {
  // Kubernetes' own go by themselves; others may need somebody.
  const finalizers = (object.metadata?.finalizers ?? []).filter((name) => !name.startsWith('kubernetes.io/'));
  const why = finalizers.length === 0 ? '' : ` (finalizers: ${finalizers.join(', ')})`;
  return `${kind} ${object.metadata?.name ?? '?'}${why}`;
}

async function clusterPods(kube: KubeClient, ref: NamespacedName, signal: AbortSignal): Promise<V1Pod[]> {
  return await kube.list<V1Pod>(
    { apiVersion: 'v1', kind: 'Pod', namespace: ref.namespace },
    { labelSelector: `${labels.cluster}=${ref.name}`, signal },
  );
}
