import type {
  CoreV1Event,
  KubernetesObject,
  V1EndpointSlice,
  V1Job,
  V1Lease,
  V1Node,
  V1PersistentVolumeClaim,
  V1Pod,
} from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { clusterRef, describeCluster } from './cluster.ts';
import { CNPG_API_VERSION, labels, names } from './constants.ts';
import { instanceOf } from './instances.ts';
import { isNodeReachable } from './nodes.ts';
import { operatorStatus, type OperatorStatus } from './operator.ts';
import { podTrouble } from './pod-state.ts';
import type { Cluster } from './types.ts';

/** One event about an object of the namespace. */
export interface DumpedEvent {
  /** ISO time of its last occurrence, by the clock of who reported it. */
  at: string;
  type: string;
  reason: string;
  /** Kind and name of what it is about. */
  about: string;
  message: string;
  count: number;
}

/**
 * Everything that helps to see why a cluster is not well, as plain JSON. Nothing of a Secret is in it. A part that could
 * not be read is named in `missing`.
 */
export interface ClusterDump {
  /** ISO time by our clock. */
  takenAt: string;
  ref: NamespacedName;
  cluster?: Cluster;
  pods: V1Pod[];
  volumeClaims: V1PersistentVolumeClaim[];
  jobs: V1Job[];
  /** Slices of the cluster's services, found by their label: their names have random endings. */
  endpointSlices: V1EndpointSlice[];
  events: DumpedEvent[];
  primaryLease?: V1Lease;
  failoverQuorum?: KubernetesObject;
  nodes: V1Node[];
  operator?: OperatorStatus;
  /** Part → why it is not there. */
  missing: Record<string, string>;
}

/**
 * Collects a {@link ClusterDump}. Parts that cannot be read do not hinder the others: it is meant for moments in which
 * things are broken.
 *
 * @param options.timeoutMs of each request. @default 10000
 */
export async function dumpCluster(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<ClusterDump> {
  const call = { timeoutMs: 10_000, ...options };
  const missing: Record<string, string> = {};
  const part = async <T>(name: string, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      options.signal?.throwIfAborted();
      missing[name] = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return undefined;
    }
  };
  const { namespace, name } = ref;
  const ofCluster = { labelSelector: `${labels.cluster}=${name}`, ...call };
  const listed = async <T extends KubernetesObject>(
    title: string,
    apiVersion: string,
    kind: string,
    selection: object,
  ) =>
    ((await part(title, () => kube.list<T>({ apiVersion, kind, namespace }, selection))) ?? []).map(
      withoutManagedFields,
    );
  const [cluster, pods, volumeClaims, jobs, slices, events, lease, quorum, nodes, operator] = await Promise.all([
    part('cluster', () => kube.get<Cluster>(clusterRef(ref), call)),
    listed<V1Pod>('pods', 'v1', 'Pod', ofCluster),
    listed<V1PersistentVolumeClaim>('volumeClaims', 'v1', 'PersistentVolumeClaim', ofCluster),
    listed<V1Job>('jobs', 'batch/v1', 'Job', ofCluster),
    listed<V1EndpointSlice>('endpointSlices', 'discovery.k8s.io/v1', 'EndpointSlice', call),
    listed<CoreV1Event>('events', 'v1', 'Event', call),
    part('primaryLease', () =>
      kube.find<V1Lease>(
        { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name: names.primaryLease(name) },
        call,
      ),
    ),
    part('failoverQuorum', () =>
      kube.find(
        { apiVersion: CNPG_API_VERSION, kind: 'FailoverQuorum', namespace, name: names.failoverQuorum(name) },
        call,
      ),
    ),
    part('nodes', () => kube.list<V1Node>({ apiVersion: 'v1', kind: 'Node' }, call)),
    part('operator', () => operatorStatus(kube, call)),
  ]);
  const services = [names.readWriteService(name), names.readOnlyService(name), names.readService(name), `${name}-any`];
  return {
    takenAt: new Date().toISOString(),
    ref: { namespace, name },
    ...(cluster === undefined ? {} : { cluster: withoutManagedFields(cluster) }),
    pods: pods.map(withoutSecrets),
    volumeClaims,
    jobs: jobs.map(({ apiVersion, kind, metadata, status }) => ({ apiVersion, kind, metadata, status }) as V1Job),
    endpointSlices: slices.filter(({ metadata }) => services.includes(metadata?.labels?.[labels.serviceName] ?? '')),
    events: events.map(eventOf).toSorted((a, b) => a.at.localeCompare(b.at)),
    ...(lease === undefined ? {} : { primaryLease: withoutManagedFields(lease) }),
    ...(quorum === undefined ? {} : { failoverQuorum: withoutManagedFields(quorum) }),
    nodes: (nodes ?? []).map(({ metadata, spec, status }) => ({
      metadata: { name: metadata?.name ?? '', labels: metadata?.labels ?? {} },
      ...(spec === undefined ? {} : { spec }),
      status: { conditions: status?.conditions ?? [], allocatable: status?.allocatable ?? {} },
    })),
    ...(operator === undefined ? {} : { operator }),
    missing,
  };
}

/** A dump as text for people, the most telling things first. */
export function formatDump(dump: ClusterDump): string {
  const { cluster, ref, operator } = dump;
  const lease = dump.primaryLease?.spec;
  const sections: [title: string, lines: string[]][] = [
    [
      `Cluster ${ref.namespace}/${ref.name} at ${dump.takenAt}`,
      [
        cluster === undefined ? 'not there' : describeCluster(cluster),
        ...(cluster?.status?.conditions ?? []).map(
          ({ type, status, reason, message }) => `${type}=${status} ${reason ?? ''}: ${message ?? ''}`,
        ),
        ...(lease === undefined ? [] : [`lease held by ${lease.holderIdentity || 'nobody'}`]),
        ...(operator === undefined ? [] : [`operator: ${operator.problems.join('; ') || 'ready'}`]),
      ],
    ],
    ['Missing in this dump', Object.entries(dump.missing).map(([part, why]) => `${part}: ${why}`)],
    ['Pods', dump.pods.flatMap(describePod)],
    [
      'Volume claims',
      dump.volumeClaims.map(
        ({ metadata, status }) =>
          `${metadata?.name ?? '?'} ${status?.phase ?? '?'} ${metadata?.labels?.[labels.pvcRole] ?? ''}` +
          `${metadata?.deletionTimestamp === undefined ? '' : ` being deleted (${metadata.finalizers?.join(', ') ?? ''})`}`,
      ),
    ],
    [
      'Jobs',
      dump.jobs.map(
        ({ metadata, status }) =>
          `${metadata?.name ?? '?'} active ${status?.active ?? 0}, succeeded ${status?.succeeded ?? 0}, failed ${status?.failed ?? 0}`,
      ),
    ],
    [
      'Endpoints',
      dump.endpointSlices.flatMap(({ metadata, endpoints }) =>
        (endpoints ?? []).map(
          ({ addresses, conditions, targetRef }) =>
            `${metadata?.labels?.[labels.serviceName] ?? '?'} → ${targetRef?.name ?? addresses.join(',')}` +
            `${conditions?.ready === false ? ' (not ready)' : ''}`,
        ),
      ),
    ],
    [
      'Nodes',
      dump.nodes.map(
        (node) =>
          `${node.metadata?.name ?? '?'} ${isNodeReachable(node) ? 'reachable' : 'not reachable'}` +
          `${node.spec?.unschedulable === true ? ', cordoned' : ''}` +
          `${(node.spec?.taints ?? []).map(({ key, effect }) => `, ${key}:${effect}`).join('')}`,
      ),
    ],
    [
      'Events',
      dump.events.map(
        ({ at, type, reason, about, message, count }) =>
          `${at} ${type} ${reason} ${about}: ${message}${count > 1 ? ` (${count} times)` : ''}`,
      ),
    ],
  ];
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}\n${lines.map((line) => `  ${line}`).join('\n')}\n`)
    .join('\n');
}

function describePod(pod: V1Pod): string[] {
  const { role, pod: state } = instanceOf(pod);
  const facts = [
    state.phase,
    state.ready ? 'ready' : 'not ready',
    ...(role === undefined ? [] : [role]),
    ...(state.node === undefined ? [] : [`on ${state.node}`]),
    ...(state.ip === undefined ? [] : [state.ip]),
    ...(state.restarts === 0 ? [] : [`${state.restarts} restarts`]),
    `uid ${state.uid}`,
  ];
  return [`${state.name}: ${facts.join(', ')}`, ...podTrouble(pod).map((trouble) => `  ${trouble}`)];
}

function eventOf(event: CoreV1Event): DumpedEvent {
  const { eventTime, lastTimestamp, firstTimestamp, metadata, involvedObject } = event;
  const at = lastTimestamp ?? eventTime ?? firstTimestamp ?? metadata.creationTimestamp;
  return {
    at: at === undefined ? '' : new Date(at).toISOString(),
    type: event.type ?? '',
    reason: event.reason ?? '',
    about: `${involvedObject.kind ?? '?'} ${involvedObject.name ?? '?'}`,
    message: event.message ?? '',
    count: event.count ?? event.series?.count ?? 1,
  };
}

function withoutManagedFields<T extends KubernetesObject>(object: T): T {
  if (object.metadata?.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

// Somebody may have put a password into a variable of a container.
function withoutSecrets(pod: V1Pod): V1Pod {
  const shown = structuredClone(pod);
  for (const container of [...(shown.spec?.containers ?? []), ...(shown.spec?.initContainers ?? [])]) {
    if (container.env !== undefined) container.env = container.env.map(({ name }) => ({ name }));
  }
  // The pod's specification once more, as text.
  if (shown.metadata?.annotations !== undefined) delete shown.metadata.annotations['cnpg.io/podSpec'];
  return shown;
}
