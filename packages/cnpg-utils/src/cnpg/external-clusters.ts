import { names } from './constants.ts';
import type { ClusterSettings } from './cluster-spec.ts';

/** One key of a Secret in the cluster's own namespace. */
export interface SecretKey {
  name: string;
  key: string;
}

/** An entry of `spec.externalClusters`: another PostgreSQL to copy from or to follow. */
export interface ExternalCluster {
  name: string;
  /** Parameters of libpq, such as `host`, `user`, `dbname`. */
  connectionParameters?: Record<string, string>;
  sslCert?: SecretKey;
  sslKey?: SecretKey;
  sslRootCert?: SecretKey;
  password?: SecretKey;
  /** A plugin that fetches backups and WAL. */
  plugin?: { name: string; parameters?: Record<string, string> };
  [field: string]: unknown;
}

/**
 * Another cluster of the same namespace as a source of streaming replication: with the certificate that its operator made
 * for its own standbys.
 *
 * @param cluster name of the other cluster, which is also the name of the entry
 */
export function streamingSource(cluster: string): ExternalCluster {
  const replication = names.replicationSecret(cluster);
  return {
    name: cluster,
    connectionParameters: {
      host: names.readWriteService(cluster),
      user: 'streaming_replica',
      dbname: 'postgres',
      sslmode: 'verify-full',
    },
    sslKey: { name: replication, key: 'tls.key' },
    sslCert: { name: replication, key: 'tls.crt' },
    sslRootCert: { name: names.caSecret(cluster), key: 'ca.crt' },
  };
}

/**
 * Another cluster of the same namespace as a source of a logical copy: as its application's user, or as its superuser.
 *
 * @param cluster name of the other cluster, which is also the name of the entry
 * @param options.user `superuser` needs `enableSuperuserAccess` there. @default 'app'
 * @param options.database @default 'app', or 'postgres' for the superuser
 */
export function loginSource(
  cluster: string,
  options: { user?: 'app' | 'superuser'; database?: string } = {},
): ExternalCluster {
  const { user = 'app' } = options;
  const secret = user === 'app' ? names.appSecret(cluster) : names.superuserSecret(cluster);
  return {
    name: cluster,
    connectionParameters: {
      host: names.readWriteService(cluster),
      user: user === 'app' ? 'app' : 'postgres',
      dbname: options.database ?? (user === 'app' ? 'app' : 'postgres'),
    },
    password: { name: secret, key: 'password' },
  };
}

/** What {@link importSettings} takes over. */
export type ImportRequest =
  /** One database, into the new cluster's own. */
  | { type: 'microservice'; database: string }
  /** Several databases and roles under their own names; needs the superuser there and here. `*` is all of them. */
  | { type: 'monolith'; databases: string[]; roles?: string[] };

/**
 * Settings for `buildCluster` that fill a new cluster by `pg_dump` from another one, once, when it is made.
 *
 * @example buildCluster(ref, { ...importSettings(loginSource('old'), { type: 'microservice', database: 'app' }) })
 */
export function importSettings(
  source: ExternalCluster,
  request: ImportRequest,
): Pick<ClusterSettings, 'bootstrap' | 'externalClusters' | 'enableSuperuserAccess'> {
  const from = { externalCluster: source.name };
  const what =
    request.type === 'microservice'
      ? { type: request.type, databases: [request.database], source: from }
      : {
          type: request.type,
          databases: request.databases,
          ...(request.roles === undefined ? {} : { roles: request.roles }),
          source: from,
        };
  return {
    ...(request.type === 'monolith' ? { enableSuperuserAccess: true } : {}),
    bootstrap: { initdb: { import: what } },
    externalClusters: [source],
  };
}

/**
 * Settings for `buildCluster` that copy another cluster with `pg_basebackup` and then follow it: a replica cluster. See
 * `setReplicaMode` for how it is let go.
 */
export function replicaClusterSettings(
  source: ExternalCluster,
): Pick<ClusterSettings, 'bootstrap' | 'externalClusters' | 'replica'> {
  return {
    bootstrap: { pg_basebackup: { source: source.name } },
    externalClusters: [source],
    replica: { enabled: true, source: source.name },
  };
}
