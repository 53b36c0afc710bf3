/** A Chaos Mesh fault object, as far as it is read here. Its kinds have no status subresource. */
export interface ChaosObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
    uid?: string;
    deletionTimestamp?: Date;
  };
  spec: Record<string, unknown>;
  status?: ChaosStatus;
}

/** Status of a fault object. Conditions trail the records by one reconcile and have no time. */
export interface ChaosStatus {
  conditions?: { type: string; status: string; reason?: string }[];
  experiment?: {
    desiredPhase?: string;
    containerRecords?: ChaosRecord[];
  };
}

/** What happened to one target. */
export interface ChaosRecord {
  id: string;
  selectorKey: string;
  phase: string;
  injectedCount: number;
  recoveredCount: number;
  events?: { type: string; operation: string; message?: string; timestamp: string }[];
}

/** API version of every Chaos Mesh kind. */
export const chaosMeshApiVersion = 'chaos-mesh.org/v1alpha1';
