import type { KubernetesObject } from '@kubernetes/client-node';

/** How a primary waits for its standbys (`spec.postgresql.synchronous`). */
export interface SynchronousSpec {
  method: 'any' | 'first';
  number: number;
  /** @default 'required' */
  dataDurability?: 'required' | 'preferred';
  failoverQuorum?: boolean;
  maxStandbyNamesFromCluster?: number;
  standbyNamesPre?: string[];
  standbyNamesPost?: string[];
}

/** Size and class of a volume (`spec.storage`, `spec.walStorage`). */
export interface StorageSpec {
  size: string;
  storageClass?: string;
  [field: string]: unknown;
}

/** The fields of `spec` that this project sets or reads. All others pass through. */
export interface ClusterSpec {
  instances: number;
  imageName?: string;
  imagePullPolicy?: string;
  storage: StorageSpec;
  walStorage?: StorageSpec;
  postgresql?: {
    parameters?: Record<string, string>;
    synchronous?: SynchronousSpec;
    pg_hba?: string[];
    [field: string]: unknown;
  };
  enableSuperuserAccess?: boolean;
  startDelay?: number;
  stopDelay?: number;
  smartShutdownTimeout?: number;
  switchoverDelay?: number;
  failoverDelay?: number;
  probes?: Record<string, unknown>;
  affinity?: Record<string, unknown>;
  resources?: Record<string, unknown>;
  bootstrap?: Record<string, unknown>;
  [field: string]: unknown;
}

/** Condition of a cluster. */
export interface ClusterCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

/** The fields of `status` that this project reads; all optional, since a new cluster has none of them. */
export interface ClusterStatus {
  /** Number of instance pods that exist. */
  instances?: number;
  readyInstances?: number;
  phase?: string;
  phaseReason?: string;
  /** Written by the promoted instance itself, once it was promoted. */
  currentPrimary?: string;
  /** Written by the operator; the literal `pending` while a failover has not decided. */
  targetPrimary?: string;
  currentPrimaryTimestamp?: string;
  targetPrimaryTimestamp?: string;
  timelineID?: number;
  systemID?: string;
  image?: string;
  instanceNames?: string[];
  /** Names of instances by state: `healthy`, `replicating`, `failed`. */
  instancesStatus?: Record<string, string[]>;
  instancesReportedState?: Record<string, { isPrimary?: boolean; timeLineID?: number; ip?: string }>;
  conditions?: ClusterCondition[];
  writeService?: string;
  readService?: string;
  pvcCount?: number;
  [field: string]: unknown;
}

/** A CloudNativePG cluster. */
export interface Cluster extends KubernetesObject {
  apiVersion: string;
  kind: string;
  spec: ClusterSpec;
  status?: ClusterStatus;
}
