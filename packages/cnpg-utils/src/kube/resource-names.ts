/** How a kind appears in the paths of the API server. */
export interface ResourceName {
  /** Lower-case plural, such as `pods`. */
  plural: string;
  namespaced: boolean;
}

/**
 * Kinds that are used while an API server is being broken: their paths must be known without asking it. Others are
 * discovered once per client.
 */
const KNOWN: Record<string, Record<string, string>> = {
  v1: {
    ConfigMap: 'configmaps',
    Endpoints: 'endpoints',
    Event: 'events',
    PersistentVolumeClaim: 'persistentvolumeclaims',
    Pod: 'pods',
    Secret: 'secrets',
    Service: 'services',
    ServiceAccount: 'serviceaccounts',
  },
  'apps/v1': {
    DaemonSet: 'daemonsets',
    Deployment: 'deployments',
    ReplicaSet: 'replicasets',
    StatefulSet: 'statefulsets',
  },
  'batch/v1': { Job: 'jobs' },
  'coordination.k8s.io/v1': { Lease: 'leases' },
  'discovery.k8s.io/v1': { EndpointSlice: 'endpointslices' },
  'events.k8s.io/v1': { Event: 'events' },
  'policy/v1': { PodDisruptionBudget: 'poddisruptionbudgets' },
  'postgresql.cnpg.io/v1': {
    Backup: 'backups',
    Cluster: 'clusters',
    Database: 'databases',
    FailoverQuorum: 'failoverquorums',
    Pooler: 'poolers',
    ScheduledBackup: 'scheduledbackups',
  },
};

const KNOWN_CLUSTER_SCOPED: Record<string, Record<string, string>> = {
  v1: { Namespace: 'namespaces', Node: 'nodes', PersistentVolume: 'persistentvolumes' },
  'apiextensions.k8s.io/v1': { CustomResourceDefinition: 'customresourcedefinitions' },
  'admissionregistration.k8s.io/v1': {
    MutatingWebhookConfiguration: 'mutatingwebhookconfigurations',
    ValidatingWebhookConfiguration: 'validatingwebhookconfigurations',
  },
  'storage.k8s.io/v1': { StorageClass: 'storageclasses' },
};

/** The path name of a kind that needs no discovery, or undefined. */
export function knownResourceName(apiVersion: string, kind: string): ResourceName | undefined {
  const namespaced = KNOWN[apiVersion]?.[kind];
  if (namespaced !== undefined) return { plural: namespaced, namespaced: true };
  const clusterScoped = KNOWN_CLUSTER_SCOPED[apiVersion]?.[kind];
  return clusterScoped === undefined ? undefined : { plural: clusterScoped, namespaced: false };
}

/** `/api/v1` or `/apis/<group>/<version>`. */
export function apiVersionPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
