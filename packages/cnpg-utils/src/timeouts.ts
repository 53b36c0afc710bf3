/**
 * Default deadlines in milliseconds. The names and the values of the first block are those of CloudNativePG's own
 * end-to-end suite (`tests/utils/timeouts`); the second block is ours. They are for waiting, not for judging: a spec
 * that asserts a budget states that budget itself.
 */
export const timeouts = {
  failover: 240_000,
  namespaceCreation: 30_000,
  clusterIsReady: 600_000,
  clusterIsReadyQuick: 300_000,
  clusterIsReadySlow: 800_000,
  newPrimaryAfterSwitchover: 45_000,
  newPrimaryAfterFailover: 30_000,
  newTargetOnFailover: 120_000,
  podRollout: 180_000,
  operatorIsReady: 120_000,
  largeObject: 300_000,
  walsInObjectStore: 60_000,
  objectStoreInstallation: 300_000,
  backupIsReady: 180_000,
  drainNode: 900_000,
  volumeSnapshotIsReady: 300_000,
  short: 5_000,
  managedServices: 30_000,

  /** One request to the API server, with its body. */
  kubeRequest: 30_000,
  /** One command run in a container. */
  exec: 30_000,
  /** A PostgreSQL connection, from TCP to ready for query. */
  postgresConnect: 5_000,
  /** The cluster is healthy by every measure of `clusterHealth`. */
  clusterIsHealthy: 300_000,
  /** A cluster, its pods and its volumes are gone. */
  clusterDeletion: 180_000,
} as const satisfies Record<string, number>;

/** Name of one default deadline. */
export type TimeoutName = keyof typeof timeouts;
