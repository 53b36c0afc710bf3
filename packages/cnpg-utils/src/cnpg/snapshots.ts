import type { KubernetesObject } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { KubeError, NotFoundError } from '../kube/errors.ts';
import type { CallOptions } from '../kube/refs.ts';
import type { ClusterSettings } from './cluster-spec.ts';
import { labels } from './constants.ts';

const SNAPSHOT = { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshot' } as const;
const SNAPSHOT_CLASS = { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshotClass' } as const;

/** A snapshot of a volume that a Backup made. */
export interface VolumeSnapshot {
  name: string;
  uid: string;
  /** Whether it can be used. */
  ready: boolean;
  /** `PG_DATA`, `PG_WAL` or `PG_TABLESPACE`. */
  role: string;
  /** Name of the Backup that it belongs to. */
  backup?: string;
  cluster?: string;
  /** What the driver complained about last. */
  error?: string;
}

/** The server cannot make snapshots: install the snapshot CRDs, their controller and a CSI driver that supports them. */
export class SnapshotsNotInstalledError extends KubeError {
  override readonly name = 'SnapshotsNotInstalledError';
  override readonly code = 'CNPG_SNAPSHOTS_NOT_INSTALLED';
}

type SnapshotObject = KubernetesObject & { status?: { readyToUse?: boolean; error?: { message?: string } } };

/** Snapshots of a namespace, of one cluster or one Backup. @throws SnapshotsNotInstalledError */
export async function listSnapshots(
  kube: KubeClient,
  place: { namespace: string; cluster?: string; backup?: string },
  options: CallOptions = {},
): Promise<VolumeSnapshot[]> {
  const { namespace, cluster, backup } = place;
  const selector = [
    ...(cluster === undefined ? [] : [`${labels.cluster}=${cluster}`]),
    ...(backup === undefined ? [] : [`${labels.backup}=${backup}`]),
  ].join(',');
  const selection = selector === '' ? options : { labelSelector: selector, ...options };
  const found = await kube.list<SnapshotObject>({ ...SNAPSHOT, namespace }, selection).catch(explainMissing);
  return found.map(snapshotOf);
}

/** Name of the default snapshot class; undefined when there is none. @throws SnapshotsNotInstalledError */
export async function defaultSnapshotClass(kube: KubeClient, options: CallOptions = {}): Promise<string | undefined> {
  const classes = await kube.list(SNAPSHOT_CLASS, options).catch(explainMissing);
  return classes.find(
    ({ metadata }) => metadata?.annotations?.['snapshot.storage.kubernetes.io/is-default-class'] === 'true',
  )?.metadata?.name;
}

/** Settings for `buildCluster` with which backups become snapshots. */
export function snapshotBackupSettings(snapshotClass: string, walClass?: string): Pick<ClusterSettings, 'backup'> {
  const walClassName = walClass === undefined ? {} : { walClassName: walClass };
  return { backup: { volumeSnapshot: { className: snapshotClass, ...walClassName } } };
}

/**
 * Settings for `buildCluster` with which a new cluster begins from the snapshots of one Backup.
 *
 * @throws RangeError when there is no snapshot of the data volume among them
 */
export function snapshotRecoverySettings(snapshots: readonly VolumeSnapshot[]): Pick<ClusterSettings, 'bootstrap'> {
  const of = (role: string) => snapshots.find((snapshot) => snapshot.role === role);
  const [data, wal] = [of('PG_DATA'), of('PG_WAL')];
  if (data === undefined) {
    const there = snapshots.map(({ name, role }) => `${name} (${role})`).join(', ') || 'none';
    throw new RangeError(`no snapshot of a data volume (PG_DATA) among: ${there}`);
  }
  const reference = ({ name }: VolumeSnapshot) => ({
    name,
    kind: 'VolumeSnapshot',
    apiGroup: 'snapshot.storage.k8s.io',
  });
  const volumeSnapshots = { storage: reference(data), ...(wal === undefined ? {} : { walStorage: reference(wal) }) };
  return { bootstrap: { recovery: { volumeSnapshots } } };
}

function snapshotOf({ metadata, status }: SnapshotObject): VolumeSnapshot {
  const backup = metadata?.labels?.[labels.backup];
  const cluster = metadata?.labels?.[labels.cluster];
  const error = status?.error?.message;
  return {
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    ready: status?.readyToUse === true,
    // What is a label of the volume is an annotation of its snapshot, lest a new volume inherits it.
    role: metadata?.annotations?.[labels.pvcRole] ?? '',
    ...(backup === undefined ? {} : { backup }),
    ...(cluster === undefined ? {} : { cluster }),
    ...(error === undefined ? {} : { error }),
  };
}

function explainMissing(error: unknown): never {
  if (error instanceof NotFoundError) {
    throw new SnapshotsNotInstalledError(
      'the API server does not know volume snapshots: install their CRDs, the snapshot controller and a CSI driver for them',
      { status: 404, cause: error },
    );
  }
  throw error;
}
