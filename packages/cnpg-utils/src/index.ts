export {
  assertAllPodsHave,
  assertFollowPromotion,
  assertRolesConsistent,
  assertSinglePrimary,
  assertStreaming,
  assertWritesRefused,
  ClusterAssertionError,
} from './cnpg/asserts.ts';
export { annotateCluster, editAnnotations } from './cnpg/annotations.ts';
export {
  BackupFailedError,
  createBackup,
  createScheduledBackup,
  listBackups,
  waitForBackup,
  type Backup,
  type BackupRequest,
  type BackupSchedule,
  type BackupStatus,
} from './cnpg/backups.ts';
export {
  ClusterNotFoundError,
  clusterRef,
  createCluster,
  deleteCluster,
  describeCluster,
  findCluster,
  getCluster,
  isClusterReady,
  waitForClusterReady,
  type ClusterWaitOptions,
} from './cnpg/cluster.ts';
export {
  buildCluster,
  clusterProfiles,
  clusterYaml,
  InvalidClusterSpecError,
  type ClusterProfileName,
  type ClusterSettings,
} from './cnpg/cluster-spec.ts';
export {
  describeTransition,
  recordCluster,
  type ClusterTimeline,
  type ClusterTransition,
  type RecordClusterOptions,
  type TransitionOf,
} from './cnpg/timeline.ts';
export { UnexpectedClusterError } from './cnpg/schemas.ts';
export {
  ALL_INSTANCES,
  annotations,
  CLUSTER_KIND,
  CNPG_API_VERSION,
  conditions,
  eventReasons,
  finalizers,
  FIXED_PARAMETERS,
  labels,
  names,
  OPERATOR_LEASE,
  PENDING_PRIMARY,
  PGDATA,
  phases,
  ports,
  POSTGRES_CONTAINER,
  WAL_DIRECTORY,
  WAL_VOLUME,
} from './cnpg/constants.ts';
export {
  appCredentials,
  createCaSecret,
  createSecret,
  secretText,
  type AppCredentials,
  type Credentials,
} from './cnpg/secrets.ts';
export { dumpCluster, formatDump, type ClusterDump, type DumpedEvent } from './cnpg/dump.ts';
export {
  importSettings,
  loginSource,
  replicaClusterSettings,
  streamingSource,
  type ExternalCluster,
  type ImportRequest,
  type SecretKey,
} from './cnpg/external-clusters.ts';
export { fence, fencedInstances, FencingError, isFenced, listFenced, unfence } from './cnpg/fencing.ts';
export {
  clusterHealth,
  waitForHealthy,
  type ClusterHealth,
  type HealthFacts,
  type HealthOptions,
} from './cnpg/health.ts';
export {
  currentPrimary,
  instanceOf,
  labelledPrimary,
  listInstances,
  listReplicas,
  MultiplePrimariesError,
  NoPrimaryError,
  PrimaryTerminatingError,
  type Instance,
  type InstancePod,
  type InstanceRole,
} from './cnpg/instances.ts';
export {
  askInstance,
  instanceMetrics,
  instanceStatus,
  instanceStatusByProxy,
  InstanceStatusError,
  parseInstanceStatus,
  poolerMetrics,
  type InstanceStatus,
  type StatusAddress,
  type StatusPath,
} from './cnpg/proxy.ts';
export {
  operatorLeader,
  primaryLease,
  stealPrimaryLease,
  waitForPrimaryLease,
  type LeaseState,
  type OperatorLeader,
} from './cnpg/lease.ts';
export {
  hibernate,
  rehydrate,
  restartCluster,
  scaleCluster,
  waitForPhase,
  waitForRestarted,
} from './cnpg/lifecycle.ts';
export {
  cordonNode,
  drainNode,
  isNodeReachable,
  listNodes,
  taintNode,
  uncordonAll,
  uncordonNode,
  untaintNode,
  type DrainOptions,
  type DrainResult,
  type Taint,
} from './cnpg/nodes.ts';
export {
  operatorChanges,
  operatorLogs,
  restartOperator,
  scaleOperator,
  type OperatorWaitOptions,
} from './cnpg/operator-control.ts';
export {
  OperatorNotFoundError,
  operatorStatus,
  operatorVersion,
  waitForOperatorReady,
  type OperatorOptions,
  type OperatorPod,
  type OperatorStatus,
} from './cnpg/operator.ts';
export {
  configureOperator,
  installOperator,
  OPERATOR_CONFIG,
  operatorArchitectures,
  type InstallOperatorOptions,
} from './cnpg/operator-install.ts';
export { crashLoops, isPodActive, isPodReady, isPodTerminating, podRestarts, podTrouble } from './cnpg/pod-state.ts';
export {
  createPod,
  deletePod,
  EvictionBlockedError,
  evictPod,
  failPod,
  findPodByUid,
  isPodGoneError,
  waitForPodGone,
  waitForPodReplaced,
  type DeletePodOptions,
} from './cnpg/pods.ts';
export { createPooler, listPoolerPods, pausePooler, waitForPooler, type PoolerSettings } from './cnpg/poolers.ts';
export {
  killPostmaster,
  PodReplacedError,
  signalPostmaster,
  type PostmasterSignalled,
  type SignalPostmasterOptions,
} from './cnpg/postmaster.ts';
export { connectPrimary, type ConnectPrimaryOptions, type PrimaryConnection } from './cnpg/primary-connection.ts';
export { controlData, parseControlData, type ControlData } from './cnpg/control-data.ts';
export { psqlCommand, PsqlError, psqlRows, type PsqlOptions } from './cnpg/psql.ts';
export { failoverQuorum, quorumAllowsFailover, type FailoverQuorum, type QuorumVerdict } from './cnpg/quorum.ts';
export { isReplicaCluster, setReplicaMode, waitForDemotionToken, type ReplicaMode } from './cnpg/replica-mode.ts';
export {
  defaultSnapshotClass,
  listSnapshots,
  snapshotBackupSettings,
  snapshotRecoverySettings,
  SnapshotsNotInstalledError,
  type VolumeSnapshot,
} from './cnpg/snapshots.ts';
export {
  archivingSettings,
  BARMAN_CLOUD_API_VERSION,
  BARMAN_CLOUD_PLUGIN,
  BarmanCloudNotInstalledError,
  createObjectStore,
  createObjectStoreSecret,
  objectStore,
  recoverySettings,
  type ObjectStoreSettings,
} from './cnpg/objectstore.ts';
export {
  isInRecovery,
  replicationFacts,
  timelineOf,
  walReceiver,
  type ReplicationFacts,
  type ReplicationQueryOptions,
  type StandbyReplication,
  type WalReceiver,
} from './cnpg/replication.ts';
export {
  judgeSources,
  primaryTruth,
  type PrimarySources,
  type PrimaryTruth,
  type PrimaryTruthOptions,
  type RecoveryState,
} from './cnpg/roles.ts';
export { serviceClusterIp, serviceEndpoints, serviceFqdn, type ServiceEndpoint } from './cnpg/services.ts';
export {
  expectedSlots,
  judgeAlignment,
  judgeSlots,
  listSlots,
  setHaSlots,
  setUserSlotSync,
  waitForSlots,
  type ReplicationSlot,
} from './cnpg/slots.ts';
export {
  defaultStorageClass,
  deleteVolume,
  expandVolume,
  holdVolume,
  listVolumes,
  releaseVolume,
  runOnVolume,
  storageClassExpands,
  VolumeCommandError,
  waitForVolumesReplaced,
  type InstanceVolume,
  type RunOnVolumeOptions,
} from './cnpg/storage.ts';
export {
  setTargetPrimary,
  SwitchoverRefusedError,
  waitForNewTarget,
  waitForPrimaryChange,
  type PrimaryChangeOptions,
  type SetTargetPrimaryOptions,
} from './cnpg/switchover.ts';
export type {
  Cluster,
  ClusterCondition,
  ClusterSpec,
  ClusterStatus,
  StorageSpec,
  SynchronousSpec,
} from './cnpg/types.ts';
export {
  probeWebhook,
  setWebhookNamespaceSelector,
  webhookAnswers,
  WebhookNotFoundError,
  type ClusterWebhook,
  type NamespaceSelector,
  type WebhookProbe,
} from './cnpg/webhooks.ts';
export { selfSignedCertificate, type CertificateRequest, type KeyPairPem } from './certificates.ts';
export { formatDuration, InvalidDurationError, parseDuration } from './duration.ts';
export {
  KubeClient,
  type ApplyOptions,
  type DeleteOptions,
  type KubeClientOptions,
  type ListOptions,
  type PatchOptions,
  type ResourceList,
  type WriteOptions,
} from './kube/client.ts';
export {
  CnpgNotInstalledError,
  ConflictError,
  ExpiredError,
  ForbiddenError,
  InvalidError,
  isTransientKubeError,
  KindNotFoundError,
  KubeconfigError,
  KubeError,
  NamespaceTerminatingError,
  NoContextError,
  NotFoundError,
  TimeoutError,
  UnauthorizedError,
  UnreachableError,
  type KubeErrorDetails,
} from './kube/errors.ts';
export { execStream, type ExecStream } from './kube/exec-stream.ts';
export { exec, execOk, type ExecOptions, type ExecResult, type ExecTarget } from './kube/exec.ts';
export {
  ExecConnectionLostError,
  ExecError,
  ExecFailedError,
  ExecOutputLimitError,
  ExecStartError,
  ExecTimeoutError,
  type ExecOutput,
} from './kube/exec-errors.ts';
export { directoryIsEmpty, fileExists } from './kube/files.ts';
export { ForwardError, openForward, type Forward, type ForwardOptions, type ForwardTarget } from './kube/forward.ts';
export { hasAnnotations, hasCondition, hasLabels } from './kube/metadata.ts';
export { BeingDeletedError, HOLD_FINALIZER, holdObject, releaseObject, removeFinalizers } from './kube/hold.ts';
export { parseJsonLog, postgresRecords, type JsonLog, type PostgresLogRecord } from './kube/json-logs.ts';
export { createPooledKubeConfig, type PooledKubeConfig } from './kube/kube-config.ts';
export { tailLogs, type LogLine, type LogTail, type LogTailOptions } from './kube/tail.ts';
export { followLogs, podLogs, type LogOptions, type LogTarget } from './kube/logs.ts';
export {
  applyManifests,
  deleteManifests,
  MalformedManifestError,
  ManifestError,
  onlyOfKind,
  parseManifests,
  readManifests,
  renderTemplate,
  UnknownVariableError,
  WrongKindError,
  type Manifest,
  type ManifestOptions,
  type ReadManifestsOptions,
} from './kube/yaml.ts';
export {
  createNamespace,
  createTestNamespace,
  deleteNamespace,
  ensureNamespace,
  preservedPrefixes,
  uniqueNamespaceName,
  type DeleteNamespaceOptions,
  type NamespaceOptions,
  type TestNamespace,
  type TestNamespaceOptions,
} from './kube/namespaces.ts';
export {
  describeRef,
  type CallOptions,
  type CollectionRef,
  type NamespacedName,
  type ResourceRef,
} from './kube/refs.ts';
export { type KubeReply, type KubeRequest, KubeTransport } from './kube/transport.ts';
export {
  watch,
  type BlindInterval,
  type BlindReason,
  type Watch,
  type WatchEvent,
  type WatchOptions,
  type WatchRef,
} from './kube/watch.ts';
export { closeClient, connect, destroyClient, type ConnectOptions } from './postgres/connect.ts';
export { ConnectError, connectFailureOf, sqlStateOf, type ConnectFailure } from './postgres/connect-error.ts';
export { compareLsn, formatLsn, InvalidLsnError, lsnDiff, parseLsn } from './postgres/lsn.ts';
export {
  InvalidTimelineHistoryError,
  InvalidWalFileError,
  parseTimelineHistory,
  timelineOfWalFile,
  type TimelineSwitch,
} from './postgres/timeline.ts';
export { retry, type RetryOptions } from './retry.ts';
export { anySignal, raceSignal, sleep } from './signals.ts';
export { levels, runsAtDepth, testDepth, type Level } from './levels.ts';
export { defaultTimeouts, InvalidEnvironmentError, resolveTimeouts, timeouts, type TimeoutName } from './timeouts.ts';
export { waitFor, WaitTimeoutError, type WaitOptions, type WaitProbe } from './wait.ts';
export type { KubernetesObject } from '@kubernetes/client-node';
