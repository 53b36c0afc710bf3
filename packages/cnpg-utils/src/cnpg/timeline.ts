import type { V1EndpointSlice, V1Lease, V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import type { NamespacedName } from '../kube/refs.ts';
import { watch, type BlindInterval, type Watch, type WatchEvent } from '../kube/watch.ts';
import { anySignal } from '../signals.ts';
import { CLUSTER_KIND, CNPG_API_VERSION, labels, names } from './constants.ts';
import { instanceOf } from './instances.ts';
import type { Cluster } from './types.ts';

/** What a {@link ClusterTransition} is about. */
export type TransitionOf =
  | 'phase'
  | 'currentPrimary'
  | 'targetPrimary'
  | 'readyInstances'
  | 'timeline'
  | 'leaseHolder'
  /** Ready pods behind the `-rw` Service, by name, separated by commas. */
  | 'readWriteEndpoints'
  /** `cnpg.io/instanceRole` of a pod. */
  | 'role'
  /** Readiness of a pod: `ready`, `not ready`. */
  | 'readiness'
  /** A pod by its UID: it came, is being deleted, is gone. */
  | 'pod';

/** One change of a cluster, seen when the API server told of it. */
export interface ClusterTransition {
  /** When it was seen here, on the clock of `performance.now()`. */
  atMs: number;
  what: TransitionOf;
  /** Instance, for what belongs to a pod. */
  instance?: string;
  /** UID of its pod. */
  uid?: string;
  /** Undefined at the start, or where there was nothing. */
  from?: string;
  to?: string;
  /** It was found by comparing after a time of blindness and happened earlier. */
  late: boolean;
}

/** A record of a cluster's changes that is being written. */
export interface ClusterTimeline extends AsyncDisposable {
  /** Changes in the order in which they were seen. The state at the start is among them, with no `from`. */
  readonly transitions: readonly ClusterTransition[];
  /** Settles when the state at the start is known: from then on nothing is missed. */
  readonly ready: Promise<void>;
  /** Times in which changes could not be seen when they happened. */
  readonly blindIntervals: readonly BlindInterval[];
  /** The same of the Cluster alone, and since when it has not been seen if it is not seen now. */
  readonly clusterSight: Pick<Watch<Cluster>, 'blindIntervals' | 'blindSinceMs'>;
  /** Whether that was so at any time between two points in time. Measure nothing across such a time. */
  wasBlind(fromMs: number, toMs: number): boolean;
  /** The first change at or after a point in time that a test accepts. */
  first(fromMs: number, accepts: (transition: ClusterTransition) => boolean): ClusterTransition | undefined;
  /** Stops recording. */
  close(): Promise<void>;
}

/** Options of {@link recordCluster}. */
export interface RecordClusterOptions {
  signal?: AbortSignal;
  /** Called with each change. */
  onTransition?: (transition: ClusterTransition) => void;
  /** Called with each state of the Cluster itself, after its transitions. */
  onCluster?: (event: WatchEvent<Cluster>) => void;
}

/**
 * Records every change of a cluster's phase, primary, timeline, lease, `-rw` endpoints, and of its instances' roles, readiness
 * and pods, from watches. For measuring: its times are those at which the API server told, not those of a poll.
 */
export function recordCluster(
  kube: KubeClient,
  ref: NamespacedName,
  options: RecordClusterOptions = {},
): ClusterTimeline {
  return new RecordedCluster(kube, ref, options);
}

type Watched = Cluster | V1Pod | V1Lease | V1EndpointSlice;

class RecordedCluster implements ClusterTimeline {
  readonly transitions: ClusterTransition[] = [];
  readonly ready: Promise<void>;
  readonly clusterSight: Watch<Cluster>;
  readonly #watches: Watch<Watched>[] = [];
  readonly #work: Promise<void>[] = [];
  readonly #known = new Map<string, string>();
  /** Ready pods by EndpointSlice: a Service may have several. */
  readonly #slices = new Map<string, string[]>();
  readonly #ended = new AbortController();
  readonly #options: RecordClusterOptions;

  constructor(kube: KubeClient, ref: NamespacedName, options: RecordClusterOptions) {
    this.#options = options;
    const { namespace, name } = ref;
    const signal = anySignal(options.signal, this.#ended.signal) ?? this.#ended.signal;
    const named = (object: string) => ({ namespace, fieldSelector: `metadata.name=${object}` });
    const kind = { apiVersion: CNPG_API_VERSION, kind: CLUSTER_KIND };
    this.clusterSight = watch<Cluster>(kube, { ...kind, ...named(name) }, { signal });
    this.#follow(this.clusterSight, (event) => {
      this.#seeCluster(event);
      options.onCluster?.(event);
    });
    const selector = `${labels.cluster}=${name},${labels.podRole}=instance`;
    this.#follow(
      watch<V1Pod>(kube, { apiVersion: 'v1', kind: 'Pod', namespace, labelSelector: selector }, { signal }),
      (event) => {
        this.#seePod(event);
      },
    );
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...named(names.primaryLease(name)) };
    this.#follow(watch<V1Lease>(kube, lease, { signal }), (event) => {
      const holder = event.type === 'DELETED' ? undefined : event.object.spec?.holderIdentity || undefined;
      this.#set(event, { what: 'leaseHolder' }, holder);
    });
    const service = `${labels.serviceName}=${names.readWriteService(name)}`;
    const slices = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace, labelSelector: service };
    this.#follow(watch<V1EndpointSlice>(kube, slices, { signal }), (event) => {
      this.#seeEndpoints(event);
    });
    this.ready = Promise.all(this.#watches.map((one) => one.ready)).then(() => {});
    this.ready.catch(() => {});
  }

  get blindIntervals(): BlindInterval[] {
    return this.#watches.flatMap((one) => one.blindIntervals).toSorted((a, b) => a.fromMs - b.fromMs);
  }

  wasBlind(fromMs: number, toMs: number): boolean {
    return this.#watches.some((one) => one.wasBlind(fromMs, toMs));
  }

  first(fromMs: number, accepts: (transition: ClusterTransition) => boolean): ClusterTransition | undefined {
    return this.transitions.find((transition) => transition.atMs >= fromMs && accepts(transition));
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#watches.map((one) => one.close()));
    await Promise.allSettled(this.#work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #follow<T extends Watched>(one: Watch<T>, see: (event: WatchEvent<T>) => void): void {
    this.#watches.push(one);
    const work = (async () => {
      for await (const event of one) see(event);
    })();
    // A refused first list is told by `ready`.
    work.catch(() => {});
    this.#work.push(work);
  }

  #seeCluster(event: WatchEvent<Cluster>): void {
    const { status = {} } = event.type === 'DELETED' ? {} : event.object;
    this.#set(event, { what: 'phase' }, status.phase);
    this.#set(event, { what: 'targetPrimary' }, status.targetPrimary);
    this.#set(event, { what: 'currentPrimary' }, status.currentPrimary);
    this.#set(event, { what: 'timeline' }, status.timelineID?.toString());
    this.#set(event, { what: 'readyInstances' }, status.readyInstances?.toString());
  }

  #seePod(event: WatchEvent<V1Pod>): void {
    const { name, pod, role } = instanceOf(event.object);
    const id = { instance: name, uid: pod.uid };
    const gone = event.type === 'DELETED';
    this.#set(event, { what: 'pod', ...id }, gone ? 'gone' : pod.terminating ? 'being deleted' : 'there');
    this.#set(event, { what: 'role', ...id }, gone ? undefined : role);
    this.#set(event, { what: 'readiness', ...id }, gone ? undefined : pod.ready ? 'ready' : 'not ready');
  }

  #seeEndpoints(event: WatchEvent<V1EndpointSlice>): void {
    const { metadata, endpoints = [] } = event.object;
    const ready = event.type === 'DELETED' ? [] : endpoints.filter(({ conditions }) => conditions?.ready ?? true);
    this.#slices.set(
      metadata?.name ?? '',
      ready.map(({ targetRef, addresses }) => targetRef?.name ?? addresses.join()),
    );
    const all = [...this.#slices.values()].flat().toSorted().join();
    this.#set(event, { what: 'readWriteEndpoints' }, all === '' ? undefined : all);
  }

  #set(
    event: WatchEvent<Watched>,
    about: Pick<ClusterTransition, 'what' | 'instance' | 'uid'>,
    to: string | undefined,
  ): void {
    const key = `${about.what} ${about.uid ?? ''}`;
    const from = this.#known.get(key);
    if (from === to) return;
    if (to === undefined) this.#known.delete(key);
    else this.#known.set(key, to);
    const transition: ClusterTransition = {
      atMs: event.atMs,
      ...about,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      late: event.source === 'relist',
    };
    this.transitions.push(transition);
    this.#options.onTransition?.(transition);
  }
}

/** A change in one line, its time relative to a point in time. */
export function describeTransition(transition: ClusterTransition, sinceMs = 0): string {
  const { atMs, what, instance, from, to, late } = transition;
  const seconds = ((atMs - sinceMs) / 1000).toFixed(3);
  const subject = instance === undefined ? what : `${what} of ${instance}`;
  return `${seconds} s ${subject}: ${from ?? 'none'} → ${to ?? 'none'}${late ? ' (seen late)' : ''}`;
}
