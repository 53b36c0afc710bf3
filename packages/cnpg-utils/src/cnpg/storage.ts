import { randomBytes } from 'node:crypto';
import type { V1PersistentVolumeClaim, V1Pod, V1StorageClass } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { holdObject, releaseObject } from '../kube/hold.ts';
import { podLogs } from '../kube/logs.ts';
import type { CallOptions, NamespacedName, ResourceRef } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { ClusterWaitOptions } from './cluster.ts';
import { labels } from './constants.ts';
import { podTrouble } from './pod-state.ts';

/** A volume claim of an instance. Name and uid together identify it: names are used again. */
export interface InstanceVolume {
  name: string;
  uid: string;
  /** Instance it belongs to. */
  instance: string;
  /** `PG_DATA`, `PG_WAL` or `PG_TABLESPACE`. */
  role: string;
  /** Only for a tablespace's. */
  tablespace?: string;
  /** `Pending`, `Bound`, `Lost`. */
  phase: string;
  /** Size that was asked for, such as `1Gi`. */
  requested?: string;
  /** Size that it has. */
  capacity?: string;
  storageClass?: string;
  /** Volume behind it, once it is bound. */
  volume?: string;
  terminating: boolean;
}

/** Volume claims of a cluster, of all instances or of one, by name. */
export async function listVolumes(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions & { instance?: string } = {},
): Promise<InstanceVolume[]> {
  const { instance, ...call } = options;
  const claims = await kube.list<V1PersistentVolumeClaim>(
    { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: ref.namespace },
    {
      labelSelector: `${labels.cluster}=${ref.name}${instance === undefined ? '' : `,${labels.instanceName}=${instance}`}`,
      ...call,
    },
  );
  return claims.map(volumeOf).toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/**
 * Deletes a volume claim, once, and only this very one. Kubernetes keeps it "terminating" while a pod uses it.
 *
 * @throws NotFoundError; ConflictError when the UID is another one
 */
export async function deleteVolume(
  kube: KubeClient,
  volume: NamespacedName & { uid: string },
  options: CallOptions = {},
): Promise<void> {
  await kube.delete(claimRef(volume), { ...options, preconditions: { uid: volume.uid } });
}

/**
 * Keeps a volume claim "terminating" when it is deleted, until {@link releaseVolume}.
 *
 * @returns false when it was held already
 */
export async function holdVolume(
  kube: KubeClient,
  volume: NamespacedName,
  options: CallOptions = {},
): Promise<boolean> {
  return await holdObject(kube, claimRef(volume), options);
}

/** Lets a volume claim go that {@link holdVolume} holds. @returns false when there was nothing to release */
export async function releaseVolume(
  kube: KubeClient,
  volume: NamespacedName,
  options: CallOptions = {},
): Promise<boolean> {
  return await releaseObject(kube, claimRef(volume), options);
}

/**
 * Asks for a larger volume. What happens depends on its storage class; see {@link storageClassExpands}. For all
 * instances at once change the cluster's `spec.storage.size` instead.
 *
 * @param size such as `2Gi`
 * @throws ForbiddenError or InvalidError when the class cannot expand volumes, or the size is smaller
 */
export async function expandVolume(
  kube: KubeClient,
  volume: NamespacedName,
  size: string,
  options: CallOptions = {},
): Promise<void> {
  await kube.patch(claimRef(volume), { spec: { resources: { requests: { storage: size } } } }, options);
}

/** Options of {@link runOnVolume}. */
export interface RunOnVolumeOptions extends Omit<ClusterWaitOptions, 'onProgress'> {
  /** Image with the command; that of the instance is there already. */
  image: string;
}

/**
 * Runs a command in a pod of its own that has the volume at `/volume`, as the user and group of PostgreSQL (26), and deletes
 * the pod. For volumes whose instance cannot be asked: one that is full keeps its container from starting. The pod lands
 * where the volume is; a volume that only one node at a time can have must be on the node of its instance.
 *
 * @param options.timeoutMs from asking for the pod to the end of the command. @default 60000
 * @returns what the command wrote
 * @throws VolumeCommandError when it ended with another exit code than 0; WaitTimeoutError
 */
export async function runOnVolume(
  kube: KubeClient,
  volume: NamespacedName,
  command: readonly string[],
  options: RunOnVolumeOptions,
): Promise<string> {
  const { image, timeoutMs = 60_000, signal } = options;
  const { namespace } = volume;
  const name = `volume-${randomBytes(4).toString('hex')}`;
  const call = signal === undefined ? {} : { signal };
  const ref = { apiVersion: 'v1', kind: 'Pod', namespace, name };
  await kube.create<V1Pod>(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name },
      spec: {
        restartPolicy: 'Never',
        securityContext: { runAsUser: 26, runAsGroup: 26, fsGroup: 26, runAsNonRoot: true },
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'command',
            image,
            imagePullPolicy: 'IfNotPresent',
            command: [...command],
            volumeMounts: [{ name: 'volume', mountPath: '/volume' }],
          },
        ],
        volumes: [{ name: 'volume', persistentVolumeClaim: { claimName: volume.name } }],
      },
    },
    call,
  );
  try {
    const phase = await waitFor(
      `${command.join(' ')} on volume ${namespace}/${volume.name}`,
      async (abort, probe) => {
        const pod = await kube.get<V1Pod>(ref, { signal: abort });
        probe.observe([pod.status?.phase ?? '?', ...podTrouble(pod)].join('; '));
        const { phase: is } = pod.status ?? {};
        return is === 'Succeeded' || is === 'Failed' ? is : undefined;
      },
      { timeoutMs, intervalMs: 250, ...call },
    );
    const said = await podLogs(kube, { namespace, pod: name, container: 'command' }, call);
    if (phase === 'Succeeded') return said;
    throw new VolumeCommandError(
      `${command.join(' ')} on volume ${namespace}/${volume.name} failed: ${said.trim().slice(-500) || 'no output'}`,
    );
  } finally {
    // Also when the wait was given up; hence without its signal.
    await kube.deleteIfExists(ref, { gracePeriodSeconds: 0 });
  }
}

/** A command on a volume ended with another exit code than 0. */
export class VolumeCommandError extends Error {
  override readonly name = 'VolumeCommandError';
  readonly code = 'CNPG_VOLUME_COMMAND';
}

/** Whether a storage class expands volumes. @throws NotFoundError */
export async function storageClassExpands(
  kube: KubeClient,
  storageClass: string,
  options: CallOptions = {},
): Promise<boolean> {
  const ref = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', name: storageClass };
  return (await kube.get<V1StorageClass>(ref, options)).allowVolumeExpansion === true;
}

/** Name of the default storage class; undefined when there is none. */
export async function defaultStorageClass(kube: KubeClient, options: CallOptions = {}): Promise<string | undefined> {
  const classes = await kube.list<V1StorageClass>({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' }, options);
  return classes.find(
    ({ metadata }) => metadata?.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true',
  )?.metadata?.name;
}

/**
 * Waits until every volume claim of an instance was replaced by one of the same name with another UID.
 *
 * @param before the volumes as they were, from {@link listVolumes}; must not be empty
 * @param options.timeoutMs @default 300000
 * @returns the new volumes
 * @throws WaitTimeoutError naming those that are left
 */
export async function waitForVolumesReplaced(
  kube: KubeClient,
  ref: NamespacedName,
  before: readonly InstanceVolume[],
  options: ClusterWaitOptions = {},
): Promise<InstanceVolume[]> {
  if (before.length === 0) throw new RangeError('waitForVolumesReplaced: no volumes were given, nothing to wait for');
  return await waitFor(
    `volume claims ${before.map(({ name }) => name).join(', ')} to be replaced`,
    async (signal, probe) => {
      const now = await listVolumes(kube, ref, { signal });
      const replaced = before.map((old) => now.find(({ name, uid }) => name === old.name && uid !== old.uid));
      const found = replaced.filter((volume) => volume !== undefined);
      if (found.length === before.length) return found;
      const left = before.filter((old) => !found.some(({ name }) => name === old.name));
      probe.observe(`not replaced: ${left.map(({ name, uid }) => `${name} (${state(now, name, uid)})`).join(', ')}`);
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.clusterIsReadyQuick, intervalMs: 500 },
  );
}

function state(volumes: InstanceVolume[], name: string, uid: string): string {
  const present = volumes.find((volume) => volume.name === name);
  if (present === undefined) return 'gone';
  if (present.uid !== uid) return 'new';
  return present.terminating ? 'still there, being deleted' : 'still there';
}

function volumeOf(claim: V1PersistentVolumeClaim): InstanceVolume {
  const { metadata, spec, status } = claim;
  const tablespace = metadata?.labels?.[labels.tablespace];
  const requested = spec?.resources?.requests?.['storage'];
  const capacity = status?.capacity?.['storage'];
  return {
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    instance: metadata?.labels?.[labels.instanceName] ?? '',
    role: metadata?.labels?.[labels.pvcRole] ?? '',
    ...(tablespace === undefined ? {} : { tablespace }),
    phase: status?.phase ?? 'Unknown',
    ...(requested === undefined ? {} : { requested }),
    ...(capacity === undefined ? {} : { capacity }),
    ...(spec?.storageClassName === undefined ? {} : { storageClass: spec.storageClassName }),
    ...(spec?.volumeName === undefined ? {} : { volume: spec.volumeName }),
    terminating: metadata?.deletionTimestamp !== undefined,
  };
}

function claimRef(volume: NamespacedName): ResourceRef {
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: volume.namespace, name: volume.name };
}
