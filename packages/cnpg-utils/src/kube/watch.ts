import type { KubernetesObject } from '@kubernetes/client-node';
import { anySignal, abortReason, sleep } from '../signals.ts';
import type { KubeClient } from './client.ts';
import { ExpiredError, ForbiddenError, InvalidError, KubeError, NotFoundError } from './errors.ts';
import { reviveDates } from './dates.ts';
import { readLines } from './lines.ts';
import { describeRef, type CollectionRef } from './refs.ts';
import { describeNetworkError, networkErrorCode } from './transport.ts';

/** What to watch. */
export interface WatchRef extends CollectionRef {
  labelSelector?: string;
  /** Such as `metadata.name=db`. */
  fieldSelector?: string;
}

/** Options of {@link watch}. */
export interface WatchOptions {
  /** Ends the watch. The iteration then ends without an error. */
  signal?: AbortSignal;
  /** Called for each blind interval when it is over. */
  onBlind?: (interval: BlindInterval) => void;
  /** Called when the watch goes blind, with the reason. */
  onLost?: (reason: BlindReason, detail: string) => void;
  /** Upper limit of the pause before a new attempt in milliseconds; pauses are jittered. @default 500 */
  maxPauseMs?: number;
  /**
   * After this many milliseconds without a byte the connection is taken for dead and replaced. A frozen API server or
   * a cut link shows in no other way. @default 5000
   */
  idleMs?: number;
  /** Time limit for the API server's first answer to a list or watch in milliseconds. @default 5000 */
  connectTimeoutMs?: number;
}

/** One change of one object. */
export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** For `DELETED`: the last known state. */
  object: T;
  /** When the change was seen here, on the clock of `performance.now()`. Changes made while blind are seen late. */
  atMs: number;
  /** `list`: it was there at the start. `relist`: found by comparing after a gap. `watch`: reported by the server. */
  source: 'list' | 'relist' | 'watch';
}

/**
 * Why the watch saw nothing: `closed` by the server in an orderly way, `reset` connection, `idle` connection that
 * brought nothing any more, `expired` resource version (410), `refused` by an error reply or event.
 */
export type BlindReason = 'closed' | 'reset' | 'idle' | 'expired' | 'refused';

/** A time in which changes could not be seen when they happened. Times are those of `performance.now()`. */
export interface BlindInterval {
  fromMs: number;
  toMs: number;
  reason: BlindReason;
  detail: string;
  /** Attempts to get back, the successful one included. */
  attempts: number;
}

/** A running watch. Iterate it once; leaving the loop ends it. */
export interface Watch<T> extends AsyncIterable<WatchEvent<T>>, AsyncDisposable {
  /** All blind intervals that are over, oldest first. */
  readonly blindIntervals: readonly BlindInterval[];
  /** Start of the blind interval that is going on, or undefined while the watch sees. */
  readonly blindSinceMs: number | undefined;
  /**
   * Until when the watch is known to have seen everything: the last sign of life from the server. Later times are
   * known only once more time has passed.
   */
  readonly seenUntilMs: number;
  /** Settles when the first list is complete: from then on nothing is missed. */
  readonly ready: Promise<void>;
  /** Objects as last seen. */
  readonly objects: ReadonlyMap<string, T>;
  /**
   * Whether the watch was blind at any time between the two points in time. A silent connection is found dead only
   * later: ask when `seenUntilMs` has passed `toMs`.
   */
  wasBlind(fromMs: number, toMs: number): boolean;
  /** Ends the watch and waits until its connection is closed. */
  close(): Promise<void>;
}

/**
 * Watches objects of one kind and never stops by itself: after a reset connection, an orderly end, a silent
 * connection or an expired version it goes on where it was, within half a second once the server answers again. What
 * changed meanwhile is found by comparing with a new list where the server cannot tell. Times in which it saw nothing
 * are recorded.
 *
 * Events start with one `ADDED` for each object that is already there.
 *
 * @throws (from the iteration and from `ready`) NotFoundError, ForbiddenError or InvalidError when the very first
 * list is refused; later the watch goes on trying
 */
export function watch<T extends KubernetesObject>(
  kube: KubeClient,
  ref: WatchRef,
  options: WatchOptions = {},
): Watch<T> {
  return new ResilientWatch<T>(kube, ref, options);
}

interface Loss {
  reason: BlindReason;
  detail: string;
  fromMs: number;
  relist: boolean;
}

interface WireEvent {
  type?: string;
  object?: Record<string, unknown> & { metadata?: { resourceVersion?: string }; code?: number; message?: string };
}

// What arrives this soon after an idle connection was replaced was waiting for us.
const BACKLOG_MS = 250;

class ResilientWatch<T extends KubernetesObject> implements Watch<T> {
  readonly #kube: KubeClient;
  readonly #ref: WatchRef;
  readonly #options: WatchOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #events: WatchEvent<T>[] = [];
  readonly #blind: BlindInterval[] = [];
  readonly #objects = new Map<string, T>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #finished: Promise<void>;
  #wake: (() => void) | undefined;
  #failure: { error: Error } | undefined;
  #ended = false;
  #listed = false;
  #resourceVersion = '';
  #lostAt: number | undefined;
  #lastByteMs = 0;

  constructor(kube: KubeClient, ref: WatchRef, options: WatchOptions) {
    this.#kube = kube;
    this.#ref = ref;
    this.#options = options;
    this.#signal = anySignal(options.signal, this.#stop.signal) ?? this.#stop.signal;
    this.#ready.promise.catch(() => {});
    this.#finished = this.#run();
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }
  get blindIntervals(): readonly BlindInterval[] {
    return this.#blind;
  }
  get blindSinceMs(): number | undefined {
    return this.#lostAt;
  }
  get seenUntilMs(): number {
    return this.#lostAt ?? this.#lastByteMs;
  }
  get objects(): ReadonlyMap<string, T> {
    return this.#objects;
  }

  wasBlind(fromMs: number, toMs: number): boolean {
    if (this.#lostAt !== undefined && this.#lostAt <= toMs) return true;
    return this.#blind.some((interval) => interval.fromMs <= toMs && interval.toMs >= fromMs);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#finished;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent<T>, void, undefined> {
    try {
      for (;;) {
        const event = this.#events.shift();
        if (event !== undefined) {
          yield event;
          continue;
        }
        if (this.#failure !== undefined) throw this.#failure.error;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      await this.close();
    }
  }

  async #run(): Promise<void> {
    try {
      await this.#loop();
    } catch (error) {
      if (!this.#signal.aborted) this.#failure = { error: error instanceof Error ? error : new Error(String(error)) };
    } finally {
      this.#ended = true;
      this.#ready.reject(this.#failure?.error ?? abortReason(this.#signal));
      this.#notify();
    }
  }

  async #loop(): Promise<void> {
    let loss: Loss | undefined;
    let attempts = 0;
    let quickEnds = 0;
    while (!this.#signal.aborted) {
      attempts++;
      let outcome: Loss;
      const startedAtMs = performance.now();
      try {
        if (!this.#listed || loss?.relist === true) {
          await this.#list(loss);
        }
        outcome = await this.#watchOnce((atMs) => {
          if (loss !== undefined) this.#seesAgain(loss, atMs, attempts);
          loss = undefined;
          attempts = 0;
        });
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!this.#listed && isFinal(error)) throw error;
        outcome = this.#lossFrom(error);
      }
      this.#signal.throwIfAborted();
      if (loss === undefined) {
        loss = outcome;
        if (outcome.reason !== 'idle') this.#lose(outcome);
      } else {
        // An idle connection whose replacement fails was dead indeed.
        if (this.#lostAt === undefined) this.#lose(loss);
        loss = { ...loss, relist: loss.relist || outcome.relist };
      }
      // One repetition is immediate, since most ends are orderly; a server that ends every watch gets no flood.
      quickEnds = performance.now() - startedAtMs < 1_000 ? quickEnds + 1 : 0;
      const failures = Math.max(attempts, quickEnds - 1);
      if (failures > 0) await sleep(pause(failures, this.#options.maxPauseMs ?? 500), this.#signal);
    }
  }

  #lose(loss: Loss): void {
    this.#lostAt = loss.fromMs;
    this.#options.onLost?.(loss.reason, loss.detail);
  }

  #seesAgain(loss: Loss, toMs: number, attempts: number): void {
    const fromMs = this.#lostAt;
    if (fromMs === undefined) return;
    this.#lostAt = undefined;
    this.#record({ fromMs, toMs, reason: loss.reason, detail: loss.detail, attempts });
  }

  #record(interval: BlindInterval): void {
    this.#blind.push(interval);
    this.#options.onBlind?.(interval);
  }

  async #list(loss: Loss | undefined): Promise<void> {
    const { labelSelector, fieldSelector } = this.#ref;
    const { items, resourceVersion } = await this.#kube.listWithVersion<T>(this.#ref, {
      signal: this.#signal,
      timeoutMs: this.#options.connectTimeoutMs ?? 5_000,
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    });
    const source = this.#listed ? 'relist' : 'list';
    const atMs = performance.now();
    const gone = new Map(this.#objects);
    for (const item of items) {
      const key = keyOf(item);
      const known = gone.get(key);
      gone.delete(key);
      if (known !== undefined && known.metadata?.uid !== item.metadata?.uid) {
        this.#emit({ type: 'DELETED', object: known, atMs, source });
        this.#emit({ type: 'ADDED', object: item, atMs, source });
      } else if (known === undefined) {
        this.#emit({ type: 'ADDED', object: item, atMs, source });
      } else if (known.metadata?.resourceVersion !== item.metadata?.resourceVersion) {
        this.#emit({ type: 'MODIFIED', object: item, atMs, source });
      }
    }
    for (const object of gone.values()) this.#emit({ type: 'DELETED', object, atMs, source });
    this.#resourceVersion = resourceVersion;
    this.#listed = true;
    if (loss !== undefined) loss.relist = false;
    this.#ready.resolve();
  }

  async #watchOnce(onConnected: (atMs: number) => void): Promise<Loss> {
    const idleMs = this.#options.idleMs ?? 5_000;
    const idle = new AbortController();
    let idleTimer: NodeJS.Timeout | undefined;
    const alive = () => {
      this.#lastByteMs = performance.now();
      clearTimeout(idleTimer);
      idleTimer = setTimeout(() => {
        idle.abort();
      }, idleMs);
    };
    const quietSinceMs = this.#lastByteMs;
    const replacesIdle = this.#lostAt === undefined && quietSinceMs > 0;
    let fault: Loss | undefined;
    try {
      const body = await this.#kube.transport.stream(
        {
          method: 'GET',
          path: await this.#kube.collectionPath(this.#ref, { signal: this.#signal }),
          query: {
            watch: true,
            allowWatchBookmarks: true,
            resourceVersion: this.#resourceVersion,
            labelSelector: this.#ref.labelSelector,
            fieldSelector: this.#ref.fieldSelector,
          },
          what: `watch ${describeRef(this.#ref)}`,
        },
        {
          signal: anySignal(this.#signal, idle.signal) ?? this.#signal,
          timeoutMs: this.#options.connectTimeoutMs ?? 5_000,
        },
      );
      const connectedAtMs = performance.now();
      onConnected(connectedAtMs);
      alive();
      let sawEvent = false;
      for await (const line of readLines(body, alive)) {
        const event = parseEvent(line);
        if (event?.type === 'ERROR' || event?.object === undefined) {
          // A watch that begins with an error has not seen anything since it was connected.
          fault = this.#lossFromEvent(event, line, sawEvent ? performance.now() : connectedAtMs);
          break;
        }
        if (event.type !== 'BOOKMARK' && replacesIdle && performance.now() - connectedAtMs < BACKLOG_MS) {
          this.#recordBacklog(quietSinceMs);
        }
        sawEvent = true;
        this.#accept(event);
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!idle.signal.aborted) throw error;
    } finally {
      clearTimeout(idleTimer);
    }
    if (fault !== undefined) return fault;
    if (idle.signal.aborted) {
      const detail = `no byte for ${idleMs} ms`;
      return { reason: 'idle', detail, fromMs: this.#lastByteMs, relist: false };
    }
    return { reason: 'closed', detail: 'the server ended the watch', fromMs: performance.now(), relist: false };
  }

  // The old connection was dead after all: this event was waiting, so its time of arrival is not when it happened.
  #recordBacklog(fromMs: number): void {
    const latest = this.#blind.at(-1);
    if (latest !== undefined && latest.fromMs === fromMs) return;
    const detail = 'events were waiting when a silent connection was replaced';
    this.#record({ fromMs, toMs: performance.now(), reason: 'idle', detail, attempts: 1 });
  }

  #accept(event: WireEvent): void {
    const object = event.object;
    if (object === undefined) return;
    const version = object.metadata?.resourceVersion;
    if (version !== undefined) this.#resourceVersion = version;
    if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return;
    reviveDates(this.#ref.apiVersion, this.#ref.kind, object);
    this.#emit({ type: event.type, object: object as unknown as T, atMs: performance.now(), source: 'watch' });
  }

  #emit(event: WatchEvent<T>): void {
    const key = keyOf(event.object);
    if (event.type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, event.object);
    this.#events.push(event);
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #lossFrom(error: unknown): Loss {
    const now = performance.now();
    if (error instanceof ExpiredError) return { reason: 'expired', detail: error.message, fromMs: now, relist: true };
    if (error instanceof KubeError && error.status !== undefined) {
      // Whatever the server dislikes about the version, a new list gives a good one.
      return { reason: 'refused', detail: error.message, fromMs: now, relist: true };
    }
    const noticedLate = LATE.has(networkErrorCode(error) ?? '') && this.#lastByteMs > 0;
    const detail = error instanceof KubeError ? error.message : describeNetworkError(error);
    return { reason: 'reset', detail, fromMs: noticedLate ? this.#lastByteMs : now, relist: false };
  }

  #lossFromEvent(event: WireEvent | undefined, line: string, fromMs: number): Loss {
    if (event === undefined) {
      return { reason: 'reset', detail: `broken event: ${line.slice(0, 120)}`, fromMs, relist: true };
    }
    const detail = event.object?.message ?? line.slice(0, 200);
    return { reason: event.object?.code === 410 ? 'expired' : 'refused', detail, fromMs, relist: true };
  }
}

// Errors that the kernel reports long after the peer fell silent.
const LATE = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE', 'UND_ERR_BODY_TIMEOUT']);

function isFinal(error: unknown): boolean {
  return error instanceof NotFoundError || error instanceof ForbiddenError || error instanceof InvalidError;
}

function pause(attempts: number, maxMs: number): number {
  const base = Math.min(maxMs, 25 * 2 ** Math.min(attempts, 10));
  return base / 2 + (Math.random() * base) / 2;
}

function keyOf(object: KubernetesObject): string {
  return `${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`;
}

function parseEvent(line: string): WireEvent | undefined {
  try {
    return JSON.parse(line) as WireEvent;
  } catch {
    return undefined;
  }
}
