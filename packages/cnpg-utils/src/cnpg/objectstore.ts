import type { KubernetesObject } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { KindNotFoundError, KubeError } from '../kube/errors.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import type { ClusterSettings } from './cluster-spec.ts';
import type { ExternalCluster, SecretKey } from './external-clusters.ts';
import { createSecret } from './secrets.ts';

/** Name of the plugin that archives WAL and backups into an object store. Source: plugin-barman-cloud 0.16, `usage.md`. */
export const BARMAN_CLOUD_PLUGIN = 'barman-cloud.cloudnative-pg.io';

/** API version of the plugin's kinds. */
export const BARMAN_CLOUD_API_VERSION = 'barmancloud.cnpg.io/v1';

const OBJECT_STORE = { apiVersion: BARMAN_CLOUD_API_VERSION, kind: 'ObjectStore' } as const;

/** An object store that speaks S3. */
export interface ObjectStoreSettings {
  /** Such as `s3://backups/`. */
  destinationPath: string;
  /** URL of the store; left out for Amazon's own. */
  endpointURL?: string;
  /** Certificate authority of the store. */
  endpointCA?: SecretKey;
  /** Secret with the keys `ID` and `KEY`; see {@link createObjectStoreSecret}. */
  credentials: string;
  /** Such as `30d`. @default keeps everything */
  retentionPolicy?: string;
  /** Settings for WAL files, such as `{ compression: 'gzip' }`. */
  wal?: Record<string, unknown>;
  /** Settings for base backups. */
  data?: Record<string, unknown>;
}

/** Stores the access key of an object store: keys `ID` and `KEY`. @throws ConflictError */
export async function createObjectStoreSecret(
  kube: KubeClient,
  ref: NamespacedName,
  id: string,
  key: string,
  options: CallOptions = {},
): Promise<void> {
  await createSecret(kube, ref, { ID: id, KEY: key }, options);
}

/** An `ObjectStore` of the plugin, for a file or for `kube.apply`; {@link createObjectStore} sends it. */
export function objectStore(ref: NamespacedName, settings: ObjectStoreSettings): KubernetesObject & { spec: object } {
  const { credentials, retentionPolicy, ...place } = settings;
  return {
    ...OBJECT_STORE,
    metadata: { namespace: ref.namespace, name: ref.name },
    spec: {
      configuration: {
        ...place,
        s3Credentials: {
          accessKeyId: { name: credentials, key: 'ID' },
          secretAccessKey: { name: credentials, key: 'KEY' },
        },
      },
      ...(retentionPolicy === undefined ? {} : { retentionPolicy }),
    },
  };
}

/** The server does not know object stores: apply the manifest of plugin-barman-cloud first (it needs cert-manager). */
export class BarmanCloudNotInstalledError extends KubeError {
  override readonly name = 'BarmanCloudNotInstalledError';
  override readonly code = 'CNPG_BARMAN_CLOUD_NOT_INSTALLED';
}

/** Creates an `ObjectStore` of the plugin. @throws BarmanCloudNotInstalledError, ConflictError, InvalidError */
export async function createObjectStore(
  kube: KubeClient,
  ref: NamespacedName,
  settings: ObjectStoreSettings,
  options: CallOptions = {},
): Promise<void> {
  try {
    await kube.create(objectStore(ref, settings), options);
  } catch (error) {
    if (!(error instanceof KindNotFoundError)) throw error;
    throw new BarmanCloudNotInstalledError(
      'the API server does not know ObjectStore of plugin-barman-cloud: apply the manifest of the plugin in the namespace ' +
        'of the operator (it needs cert-manager)',
      { status: 404, cause: error },
    );
  }
}

/**
 * Settings for `buildCluster` with which a cluster archives its WAL into an object store.
 *
 * @param store name of the `ObjectStore`
 * @param serverName folder in the store. @default the cluster's name
 */
export function archivingSettings(store: string, serverName?: string): Pick<ClusterSettings, 'plugins'> {
  return { plugins: [{ name: BARMAN_CLOUD_PLUGIN, isWALArchiver: true, parameters: parameters(store, serverName) }] };
}

/**
 * Settings for `buildCluster` with which a new cluster begins from a backup in an object store.
 *
 * @param from name of the cluster whose backup it is, which is its folder in the store
 * @param options.target where the replay of WAL ends, such as `{ targetTime: '2026-01-02T03:04:05Z' }`. @default the latest
 */
export function recoverySettings(
  store: string,
  from: string,
  options: { target?: Record<string, unknown> } = {},
): Pick<ClusterSettings, 'bootstrap' | 'externalClusters'> {
  const source: ExternalCluster = {
    name: from,
    plugin: { name: BARMAN_CLOUD_PLUGIN, parameters: parameters(store, from) },
  };
  const { target } = options;
  return {
    bootstrap: { recovery: { source: from, ...(target === undefined ? {} : { recoveryTarget: target }) } },
    externalClusters: [source],
  };
}

function parameters(store: string, serverName: string | undefined): Record<string, string> {
  return { barmanObjectName: store, ...(serverName === undefined ? {} : { serverName }) };
}
