/** API version of CloudNativePG's kinds. */
export const CNPG_API_VERSION = 'postgresql.cnpg.io/v1';

/** Kind of a PostgreSQL cluster. */
export const CLUSTER_KIND = 'Cluster';

/** Labels that CloudNativePG sets. Source: `pkg/utils/labels_annotations.go` of version 1.30. */
export const labels = {
  /** On pods, volume claims, jobs, services: name of the cluster. */
  cluster: 'cnpg.io/cluster',
  /** On instance pods and their volume claims: `primary`, `replica`, or `unhealthy` for the old primary of a failover. */
  instanceRole: 'cnpg.io/instanceRole',
  /** On pods: `instance` or `pooler`. */
  podRole: 'cnpg.io/podRole',
  /** On pods, volume claims, jobs: `<cluster>-<serial>`. */
  instanceName: 'cnpg.io/instanceName',
  /** On volume claims: `PG_DATA`, `PG_WAL` or `PG_TABLESPACE`. */
  pvcRole: 'cnpg.io/pvcRole',
  /** On volume claims of tablespaces: name of the tablespace. */
  tablespace: 'cnpg.io/tablespaceName',
  /** On jobs and their pods: `initdb`, `join`, … */
  jobRole: 'cnpg.io/jobRole',
  /** On pods of a Pooler: its name. */
  pooler: 'cnpg.io/poolerName',
  /** On what a Backup made: its name. */
  backup: 'cnpg.io/backupName',
  /** On Secrets and ConfigMaps: `true` lets a change of theirs reload the cluster. */
  reload: 'cnpg.io/reload',
  /** On Secrets: `superuser` or `app`. */
  userType: 'cnpg.io/userType',
  /** On the operator: `cloudnative-pg`. */
  appName: 'app.kubernetes.io/name',
  /** On EndpointSlices: name of the service. */
  serviceName: 'kubernetes.io/service-name',
} as const;

/** Annotations of CloudNativePG. Source: `pkg/utils/labels_annotations.go` of version 1.30. */
export const annotations = {
  /** On a Cluster: JSON list of fenced instances, or of `*`. */
  fencedInstances: 'cnpg.io/fencedInstances',
  /** On a Cluster: `on` or `off`. */
  hibernation: 'cnpg.io/hibernation',
  /** On a Cluster: `disabled` lets the operator leave it alone. */
  reconciliationLoop: 'cnpg.io/reconciliationLoop',
  /** On a Cluster and, once it was restarted, on each of its pods: a time. */
  restartedAt: 'kubectl.kubernetes.io/restartedAt',
  /** On a Cluster: a time; a new one reloads the configuration. */
  reloadedAt: 'cnpg.io/reloadedAt',
  /** On pods and volume claims: serial of the instance. */
  nodeSerial: 'cnpg.io/nodeSerial',
  /** On volume claims: `initializing`, `ready` or `detached`. */
  pvcStatus: 'cnpg.io/pvcStatus',
  /** On a Cluster: JSON patch (RFC 6902) for the pods that the operator makes. */
  podPatch: 'cnpg.io/podPatch',
  /** On a Cluster: `enabled` reports WAL as archived without archiving it. */
  skipWalArchiving: 'cnpg.io/skipWalArchiving',
  /** On any object of CloudNativePG: `disabled` switches the webhook's checks off for it. */
  validation: 'cnpg.io/validation',
  /** On an instance **pod**: `true` lets the operator rebuild the instance from nothing. Refused for a primary. */
  unrecoverable: 'alpha.cnpg.io/unrecoverable',
  /** On a Cluster: JSON; the older form of `spec.probes.liveness.isolationCheck`. */
  livenessPinger: 'alpha.cnpg.io/livenessPinger',
  /** On a Cluster: the older form of `spec.postgresql.synchronous.failoverQuorum`, which it overrides. */
  failoverQuorum: 'alpha.cnpg.io/failoverQuorum',
} as const;

/** Texts of `status.phase`. Source: `api/v1/cluster_types.go` of version 1.30; the last two have no constant there. */
export const phases = {
  healthy: 'Cluster in healthy state',
  switchover: 'Switchover in progress',
  failover: 'Failing over',
  firstPrimary: 'Setting up primary',
  creatingReplica: 'Creating a new replica',
  upgrade: 'Upgrading cluster',
  majorUpgrade: 'Upgrading Postgres major version',
  upgradeDelayed: 'Cluster upgrade delayed',
  waitingForInstances: 'Waiting for the instances to become active',
  waitingForUser: 'Waiting for user action',
  inplacePrimaryRestart: 'Primary instance is being restarted in-place',
  inplaceDeletePrimaryRestart: 'Primary instance is being restarted without a switchover',
  unknownPlugin: 'Cluster cannot proceed to reconciliation due to an unknown plugin being required',
  failurePlugin: 'Cluster cannot proceed to reconciliation due to an error while interacting with plugins',
  imageCatalogError: 'Cluster has incomplete or invalid image catalog',
  unrecoverable: 'Cluster is unrecoverable and needs manual intervention',
  architectureBinaryMissing: 'Cluster cannot execute instance online upgrade due to missing architecture binary',
  onlineUpgrading: 'Online upgrade in progress',
  applyingConfiguration: 'Applying configuration',
  replicaClusterPromotion: 'Promoting to primary cluster',
  cannotCreateObjects: 'Unable to create required cluster objects',
  invalidDefinition: 'Invalid cluster definition',
  notEnoughDiskSpace: 'Not enough disk space',
  statusExtractionError: 'Instance Status Extraction Error: HTTP communication issue',
} as const;

/** Types in `status.conditions`. Source: `api/v1/cluster_types.go`, `pkg/reconciler/hibernation` of version 1.30. */
export const conditions = {
  ready: 'Ready',
  continuousArchiving: 'ContinuousArchiving',
  lastBackupSucceeded: 'LastBackupSucceeded',
  consistentSystemId: 'ConsistentSystemID',
  /** Since 1.30. */
  initialized: 'Initialized',
  /** After 1.30. */
  syncTopology: 'SyncReplicationTopologySatisfied',
  hibernation: 'cnpg.io/hibernation',
} as const;

/** Reasons of the events about a Cluster that tell of its primary. Source: `internal/controller` of version 1.30. */
export const eventReasons = {
  failingOver: 'FailingOver',
  failoverTarget: 'FailoverTarget',
  switchingOver: 'SwitchingOver',
  switchover: 'Switchover',
  primaryStatusCheckFailed: 'PrimaryStatusCheckFailed',
  primaryLeaseConflict: 'PrimaryLeaseConflict',
  deletePod: 'DeletePod',
  deleteUnrecoverableInstance: 'DeleteUnrecoverableInstance',
  creatingInstance: 'CreatingInstance',
  upgradingInstance: 'UpgradingInstance',
  scaleDown: 'ScaleDown',
} as const;

/** Ports of an instance pod, and of a pooler pod. Source: `pkg/management/url/url.go` of version 1.30. */
export const ports = {
  postgres: 5432,
  /** HTTPS: probes and `/pg/status`. */
  status: 8000,
  metrics: 9187,
  poolerMetrics: 9127,
} as const;

/** Finalizers that instance managers remove: without a primary they stay. Source: `pkg/utils/finalizers.go`. */
export const finalizers = {
  database: 'cnpg.io/deleteDatabase',
  publication: 'cnpg.io/deletePublication',
  subscription: 'cnpg.io/deleteSubscription',
  role: 'cnpg.io/deleteRole',
} as const;

/** `status.targetPrimary` while a failover has not chosen a new primary. */
export const PENDING_PRIMARY = 'pending';

/** Lease that the leading pod of the operator holds, in the operator's namespace. Source: `internal/cmd/manager`. */
export const OPERATOR_LEASE = 'db9c8771.cnpg.io';

/** In the list of fenced instances: all of them. */
export const ALL_INSTANCES = '*';

/** Container of an instance pod in which PostgreSQL runs. */
export const POSTGRES_CONTAINER = 'postgres';

/** Where the data directory is mounted in an instance pod. */
export const PGDATA = '/var/lib/postgresql/data/pgdata';

/** Where the volume of `walStorage` is mounted. */
export const WAL_VOLUME = '/var/lib/postgresql/wal';

/** Where the WAL directory is when the cluster has `walStorage`. */
export const WAL_DIRECTORY = '/var/lib/postgresql/wal/pg_wal';

/** Names of what belongs to a cluster. */
export const names = {
  readWriteService: (cluster: string) => `${cluster}-rw`,
  readOnlyService: (cluster: string) => `${cluster}-ro`,
  readService: (cluster: string) => `${cluster}-r`,
  appSecret: (cluster: string) => `${cluster}-app`,
  superuserSecret: (cluster: string) => `${cluster}-superuser`,
  caSecret: (cluster: string) => `${cluster}-ca`,
  serverSecret: (cluster: string) => `${cluster}-server`,
  replicationSecret: (cluster: string) => `${cluster}-replication`,
  /** Lease that the primary holds, since 1.30. */
  primaryLease: (cluster: string) => cluster,
  failoverQuorum: (cluster: string) => cluster,
  /** Budget that protects the primary. */
  primaryDisruptionBudget: (cluster: string) => `${cluster}-primary`,
  /** Budget that protects the replicas; only with three instances or more. */
  replicaDisruptionBudget: (cluster: string) => cluster,
  /** Volume claim of an instance's data. */
  dataVolume: (instance: string) => instance,
  walVolume: (instance: string) => `${instance}-wal`,
  tablespaceVolume: (instance: string, tablespace: string) => `${instance}-tbs-${tablespace}`,
  /** Replication slot that an instance uses, without a change of `replicationSlots.highAvailability.slotPrefix`. */
  replicationSlot: (instance: string, prefix = '_cnpg_') =>
    `${prefix}${instance}`.toLowerCase().replaceAll(/[^a-z0-9_]+/g, '_'),
} as const;

/**
 * PostgreSQL parameters that a Cluster may not set: its webhook refuses them. Source: `FixedConfigurationParameters` in
 * `pkg/postgres/configuration.go` of version 1.30.
 */
export const FIXED_PARAMETERS: readonly string[] = [
  'allow_system_table_mods',
  'archive_cleanup_command',
  'archive_command',
  'archive_mode',
  'bonjour',
  'bonjour_name',
  'cluster_name',
  'config_file',
  'data_directory',
  'data_sync_retry',
  'event_source',
  'external_pid_file',
  'hba_file',
  'hot_standby',
  'ident_file',
  'jit_provider',
  'listen_addresses',
  'log_destination',
  'log_directory',
  'log_file_mode',
  'log_filename',
  'log_rotation_age',
  'log_rotation_size',
  'log_truncate_on_rotation',
  'logging_collector',
  'pg_failover_slots.primary_dsn',
  'pg_failover_slots.standby_slot_names',
  'port',
  'primary_conninfo',
  'primary_slot_name',
  'promote_trigger_file',
  'recovery_end_command',
  'recovery_min_apply_delay',
  'recovery_target',
  'recovery_target_action',
  'recovery_target_inclusive',
  'recovery_target_lsn',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_timeline',
  'recovery_target_xid',
  'restart_after_crash',
  'restore_command',
  'shared_preload_libraries',
  'ssl',
  'ssl_ca_file',
  'ssl_cert_file',
  'ssl_crl_file',
  'ssl_dh_params_file',
  'ssl_ecdh_curve',
  'ssl_key_file',
  'ssl_passphrase_command',
  'ssl_passphrase_command_supports_reload',
  'ssl_prefer_server_ciphers',
  'stats_temp_directory',
  'synchronized_standby_slots',
  'synchronous_standby_names',
  'syslog_facility',
  'syslog_ident',
  'syslog_sequence_numbers',
  'syslog_split_messages',
  'temp_tablespaces',
  'unix_socket_directories',
  'unix_socket_group',
  'unix_socket_permissions',
];
