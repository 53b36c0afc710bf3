import type { KubernetesObject } from '@kubernetes/client-node';
import { abortReason, anySignal, sleep } from '../signals.ts';
import type { KubeClient } from './client.ts';
import { reviveDates } from './dates.ts';
import { ExpiredError, ForbiddenError, InvalidError, KubeError, NotFoundError } from './errors.ts';
import { readLines } from './lines.ts';
import { describeRef } from './refs.ts';
import { SilenceGuard } from './silence-guard.ts';
import { describeNetworkError, networkErrorCode } from './transport.ts';
import type { BlindInterval, BlindReason, Watch, WatchEvent, WatchOptions, WatchRef } from './watch.ts';

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

// How long a change that a list showed may be on its way before its connection is taken for dead.
const GRACE_MS = 500;

/** The loop behind `watch`. */
export class ResilientWatch<T extends KubernetesObject> implements Watch<T> {
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
  #seenUntilMs = 0;

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
    return this.#lostAt ?? this.#seenUntilMs;
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
        this.#lostAt = loss.fromMs;
        this.#options.onLost?.(loss.reason, loss.detail);
      } else {
        loss.relist ||= outcome.relist;
      }
      // One repetition is immediate, since most ends are orderly; a server that ends every watch gets no flood.
      quickEnds = performance.now() - startedAtMs < 1_000 ? quickEnds + 1 : 0;
      const failures = Math.max(attempts, quickEnds - 1);
      if (failures > 0) await sleep(pause(failures, this.#options.maxPauseMs ?? 500), this.#signal);
    }
  }

  #seesAgain(loss: Loss, toMs: number, attempts: number): void {
    this.#lostAt = undefined;
    const interval = { fromMs: loss.fromMs, toMs, reason: loss.reason, detail: loss.detail, attempts };
    this.#blind.push(interval);
    this.#options.onBlind?.(interval);
  }

  async #list(loss: Loss | undefined): Promise<void> {
    const { items, resourceVersion } = await this.#kube.listWithVersion<T>(this.#ref, {
      ...this.#query(),
      signal: this.#signal,
      timeoutMs: this.#answerTimeoutMs,
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
    const silence = new SilenceGuard(this.#options.idleMs ?? 5_000, this.#signal, (signal) => this.#findSilent(signal));
    const alive = () => {
      this.#lastByteMs = performance.now();
      this.#seenUntilMs = this.#lastByteMs;
      silence.heard();
    };
    try {
      const body = await this.#kube.transport.stream(
        {
          method: 'GET',
          path: await this.#kube.collectionPath(this.#ref, { signal: this.#signal }),
          query: { ...this.#query(), watch: true, allowWatchBookmarks: true, resourceVersion: this.#resourceVersion },
          what: `watch ${describeRef(this.#ref)}`,
        },
        { signal: silence.signal, timeoutMs: this.#answerTimeoutMs },
      );
      const connectedAtMs = performance.now();
      onConnected(connectedAtMs);
      alive();
      let sawEvent = false;
      for await (const line of readLines(body, alive)) {
        const event = parseEvent(line);
        if (event?.type === 'ERROR' || event?.object === undefined) {
          // A watch that begins with an error has not seen anything since it was connected.
          return this.#lossFromEvent(event, line, sawEvent ? performance.now() : connectedAtMs);
        }
        sawEvent = true;
        this.#accept(event);
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      if (silence.finding === undefined) throw error;
    } finally {
      silence.end();
    }
    if (silence.finding !== undefined) {
      return { reason: 'idle', detail: silence.finding, fromMs: this.#seenUntilMs, relist: false };
    }
    return { reason: 'closed', detail: 'the server ended the watch', fromMs: performance.now(), relist: false };
  }

  /** Looks whether a silent connection keeps something from us; says what is wrong with it, undefined when nothing is. */
  async #findSilent(signal: AbortSignal): Promise<string | undefined> {
    const lastByteMs = this.#lastByteMs;
    const silentMs = () => Math.round(performance.now() - lastByteMs);
    const askedAtMs = performance.now();
    let missing: boolean;
    try {
      missing = this.#differs(await this.#listVersions(signal));
    } catch (error) {
      if (this.#lastByteMs !== lastByteMs) return undefined;
      return `no byte for ${silentMs()} ms, and ${error instanceof Error ? error.message : String(error)}`;
    }
    if (missing) {
      await sleep(GRACE_MS, signal);
      if (this.#lastByteMs === lastByteMs) return `no byte for ${silentMs()} ms although something changed`;
      return undefined;
    }
    this.#seenUntilMs = Math.max(this.#seenUntilMs, askedAtMs);
    return undefined;
  }

  async #listVersions(signal: AbortSignal): Promise<Map<string, string>> {
    const reply = await this.#kube.transport.json(
      {
        method: 'GET',
        path: await this.#kube.collectionPath(this.#ref, { signal }),
        query: this.#query(),
        accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
        what: `list ${describeRef(this.#ref)}`,
      },
      { signal, timeoutMs: this.#answerTimeoutMs },
    );
    const { items = [] } = reply as { items?: KubernetesObject[] };
    return new Map(items.map((item) => [keyOf(item), versionOf(item)]));
  }

  #differs(listed: ReadonlyMap<string, string>): boolean {
    if (listed.size !== this.#objects.size) return true;
    return [...this.#objects].some(([key, object]) => listed.get(key) !== versionOf(object));
  }

  get #answerTimeoutMs(): number {
    return this.#options.connectTimeoutMs ?? 5_000;
  }

  #query(): { labelSelector?: string; fieldSelector?: string } {
    const { labelSelector, fieldSelector } = this.#ref;
    return {
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
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
    const noticedLate = LATE.has(networkErrorCode(error) ?? '') && this.#seenUntilMs > 0;
    const detail = error instanceof KubeError ? error.message : describeNetworkError(error);
    return { reason: 'reset', detail, fromMs: noticedLate ? this.#seenUntilMs : now, relist: false };
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

function versionOf(object: KubernetesObject): string {
  return `${object.metadata?.uid ?? ''}@${object.metadata?.resourceVersion ?? ''}`;
}

function parseEvent(line: string): WireEvent | undefined {
  try {
    return JSON.parse(line) as WireEvent;
  } catch {
    return undefined;
  }
}
