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
  /** On jobs and their pods: `initdb`, `join`, … */
  jobRole: 'cnpg.io/jobRole',
  /** On the operator: `cloudnative-pg`. */
  appName: 'app.kubernetes.io/name',
  /** On EndpointSlices: name of the service. */
  serviceName: 'kubernetes.io/service-name',
} as const;

/** Annotations of CloudNativePG. */
export const annotations = {
  fencedInstances: 'cnpg.io/fencedInstances',
  hibernation: 'cnpg.io/hibernation',
  reconciliationLoop: 'cnpg.io/reconciliationLoop',
  restartedAt: 'kubectl.kubernetes.io/restartedAt',
} as const;

/** Texts of `status.phase`. Source: `api/v1/cluster_types.go` of version 1.30. */
export const phases = {
  healthy: 'Cluster in healthy state',
  switchover: 'Switchover in progress',
  failover: 'Failing over',
  firstPrimary: 'Setting up primary',
  creatingReplica: 'Creating a new replica',
  upgrade: 'Upgrading cluster',
  waitingForInstances: 'Waiting for the instances to become active',
  waitingForUser: 'Waiting for user action',
  inplacePrimaryRestart: 'Primary instance is being restarted in-place',
  inplaceDeletePrimaryRestart: 'Primary instance is being restarted without a switchover',
  unrecoverable: 'Cluster is unrecoverable and needs manual intervention',
  applyingConfiguration: 'Applying configuration',
  cannotCreateObjects: 'Unable to create required cluster objects',
  invalidDefinition: 'Invalid cluster definition',
  notEnoughDiskSpace: 'Not enough disk space',
} as const;

/** `status.targetPrimary` while a failover has not chosen a new primary. */
export const PENDING_PRIMARY = 'pending';

/** Container of an instance pod in which PostgreSQL runs. */
export const POSTGRES_CONTAINER = 'postgres';

/** Where the data directory is mounted in an instance pod. */
export const PGDATA = '/var/lib/postgresql/data/pgdata';

/** Names of what belongs to a cluster. */
export const names = {
  readWriteService: (cluster: string) => `${cluster}-rw`,
  readOnlyService: (cluster: string) => `${cluster}-ro`,
  readService: (cluster: string) => `${cluster}-r`,
  appSecret: (cluster: string) => `${cluster}-app`,
  superuserSecret: (cluster: string) => `${cluster}-superuser`,
  caSecret: (cluster: string) => `${cluster}-ca`,
} as const;
