import type { KubernetesObject } from '@kubernetes/client-node';
import { z } from 'zod';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { ClusterWaitOptions } from './cluster.ts';
import { CNPG_API_VERSION } from './constants.ts';

const BACKUP = { apiVersion: CNPG_API_VERSION, kind: 'Backup' } as const;

const statusSchema = z.looseObject({
  phase: z.string().optional(),
  method: z.string().optional(),
  error: z.string().optional(),
  commandError: z.string().optional(),
  beginWal: z.string().optional(),
  endWal: z.string().optional(),
  beginLSN: z.string().optional(),
  endLSN: z.string().optional(),
  backupId: z.string().optional(),
  startedAt: z.string().optional(),
  stoppedAt: z.string().optional(),
  instanceID: z.looseObject({ podName: z.string().optional() }).nullish(),
});

/** What the operator says about a backup. Fields of other versions pass through. */
export type BackupStatus = z.infer<typeof statusSchema>;

/** A backup of a cluster. */
export interface Backup {
  namespace: string;
  name: string;
  uid: string;
  cluster: string;
  status: BackupStatus;
}

/** What to back up, and how. */
export interface BackupRequest {
  /** Name of the cluster. */
  cluster: string;
  /** A plugin by its name (such as `barman-cloud.cloudnative-pg.io`), snapshots of the volumes, or the older object store. */
  method: { plugin: string; parameters?: Record<string, string> } | 'volumeSnapshot' | 'barmanObjectStore';
  /** Which instance. @default the cluster's own choice */
  target?: 'primary' | 'prefer-standby';
  /** Only for snapshots: whether PostgreSQL goes on meanwhile. @default the cluster's own choice */
  online?: boolean;
}

/** A backup came to an end without being one. */
export class BackupFailedError extends Error {
  override readonly name = 'BackupFailedError';
  readonly code = 'CNPG_BACKUP_FAILED';
}

/**
 * Asks for a backup, once. Returns at once; see {@link waitForBackup}.
 *
 * @throws ConflictError when there is one of that name; InvalidError
 */
export async function createBackup(
  kube: KubeClient,
  ref: NamespacedName,
  request: BackupRequest,
  options: CallOptions = {},
): Promise<Backup> {
  const spec = specOf(request);
  const object = { ...BACKUP, metadata: { namespace: ref.namespace, name: ref.name }, spec };
  return backupOf(await kube.create(object, options));
}

/** What to back up again and again, and when. */
export interface BackupSchedule extends BackupRequest {
  /** Six fields, the first of them seconds, such as `0 0 3 * * *`. */
  schedule: string;
  /** Also back up at once. @default false */
  immediate?: boolean;
  /** Keep it, and make no backups. @default false */
  suspend?: boolean;
}

/** Plans backups. Returns at once; `listBackups` shows what came of it. @throws ConflictError; InvalidError */
export async function createScheduledBackup(
  kube: KubeClient,
  ref: NamespacedName,
  plan: BackupSchedule,
  options: CallOptions = {},
): Promise<void> {
  const { schedule, immediate, suspend } = plan;
  const spec = {
    ...specOf(plan),
    schedule,
    ...(immediate === undefined ? {} : { immediate }),
    ...(suspend === undefined ? {} : { suspend }),
  };
  const metadata = { namespace: ref.namespace, name: ref.name };
  await kube.create(
    { apiVersion: CNPG_API_VERSION, kind: 'ScheduledBackup', metadata, spec } as KubernetesObject,
    options,
  );
}

/** Backups of a namespace, or of one cluster in it. */
export async function listBackups(
  kube: KubeClient,
  place: { namespace: string; cluster?: string },
  options: CallOptions = {},
): Promise<Backup[]> {
  const objects = await kube.list({ ...BACKUP, namespace: place.namespace }, options);
  return objects.map(backupOf).filter(({ cluster }) => place.cluster === undefined || cluster === place.cluster);
}

/**
 * Waits until a backup is complete. One that has failed is an error at once, with what the operator and the command said.
 *
 * @param options.timeoutMs @default 180000 (`timeouts.backupIsReady`)
 * @throws BackupFailedError, WaitTimeoutError, NotFoundError
 */
export async function waitForBackup(
  kube: KubeClient,
  ref: NamespacedName,
  options: ClusterWaitOptions = {},
): Promise<Backup> {
  return await waitFor(
    `Backup ${ref.namespace}/${ref.name}`,
    async (signal, probe) => {
      const backup = backupOf(await kube.get({ ...BACKUP, namespace: ref.namespace, name: ref.name }, { signal }));
      const { phase = 'no phase yet', error, commandError } = backup.status;
      if (phase === 'completed') return backup;
      const said = [phase, error, commandError].filter((text) => text !== undefined && text !== '').join(': ');
      if (phase === 'failed' || phase === 'invalid backup definition') {
        throw new BackupFailedError(`Backup ${ref.namespace}/${ref.name} of ${backup.cluster}: ${said}`);
      }
      probe.observe(said);
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.backupIsReady },
  );
}

function backupOf(object: KubernetesObject): Backup {
  const { metadata, spec, status } = object as KubernetesObject & {
    spec?: { cluster?: { name?: string } };
    status?: unknown;
  };
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    cluster: spec?.cluster?.name ?? '',
    status: statusSchema.parse(status ?? {}),
  };
}

function specOf({ cluster, method, target, online }: BackupRequest) {
  return {
    cluster: { name: cluster },
    ...(typeof method === 'string'
      ? { method }
      : {
          method: 'plugin',
          pluginConfiguration: {
            name: method.plugin,
            ...(method.parameters === undefined ? {} : { parameters: method.parameters }),
          },
        }),
    ...(target === undefined ? {} : { target }),
    ...(online === undefined ? {} : { online }),
  };
}
