import { setTimeout as sleep } from 'node:timers/promises';
import { LedgerProcessError, errorReason } from '../errors.ts';
import type { LedgerError } from '../errors.ts';
import type { ResolvedLedgerOptions } from '../options.ts';
import type { LedgerTarget } from '../target.ts';
import { HistoryWriteError } from '../history/history-error.ts';
import { clockOffset, monotonicAheadMs } from './clock-offset.ts';
import type { ClockSample } from './clock-offset.ts';
import { HistoryMirror } from './history-mirror.ts';
import type { WriterLink, WriterPlace } from './link.ts';
import { PROTOCOL_VERSION } from './messages.ts';
import type { ClockOffset, FromWriters, HistoryPart, ToWriters } from './messages.ts';
import { receiveError } from './sent-error.ts';

/** What there is to know of the writers beside their history. */
export interface WriterState {
  /** Until when everything is known, on the clock of the run, in ms. */
  heardMs: number;
  backlog: number;
  dropped: number;
  /** When the last write was issued; `undefined` while writing goes on. */
  endedAtMs: number | undefined;
  /** Why writing ended, when it was not asked for. */
  failure: LedgerError | undefined;
}

/** Somebody who waits for a message. */
interface Waiting {
  readonly kind: FromWriters['kind'];
  /** What it is the answer to; asked again when the connection had to be made anew. */
  readonly ask?: ToWriters | undefined;
  readonly resolve: (message: FromWriters, bytes: Buffer) => void;
  readonly reject: (error: Error) => void;
}

const BEAT_MS = 25;
/** Elsewhere each of them makes the history be fetched, by way of the API server. */
const REMOTE_BEAT_MS = 100;
const CLOCK_SAMPLES = 10;
const HELLO_TIMEOUT_MS = 30_000;
/** How much longer than it promises the process may take for an answer, in ms. */
const GRACE_MS = 10_000;

/** The process of the writers, as the ledger sees it. */
export class WriterProcess {
  readonly state: WriterState = {
    heardMs: -Infinity,
    backlog: 0,
    dropped: 0,
    endedAtMs: undefined,
    failure: undefined,
  };
  /** How its clock relates to ours. */
  clock: ClockOffset = { shiftMs: 0, shared: false, uncertaintyMs: Infinity };
  /** Its number, where it runs. */
  pid = 0;
  readonly #target: LedgerTarget;
  readonly #abort = new AbortController();
  readonly #waiting = new Set<Waiting>();
  readonly #onBeat: () => void;
  #link: WriterLink | undefined;
  #mirror: HistoryMirror | undefined;
  #mirrored: Promise<void> | undefined;
  #gone: string | undefined;

  private constructor(target: LedgerTarget, onBeat: () => void) {
    this.#target = target;
    this.#onBeat = onBeat;
  }

  /**
   * Starts the process, ties its clock to ours and lets it begin to write. `onBeat` is called whenever there may be
   * something new in the history. @throws LedgerProcessError, and what the writers refuse to start for.
   */
  static async start(o: {
    readonly place: WriterPlace;
    readonly target: LedgerTarget;
    readonly options: ResolvedLedgerOptions;
    readonly historyDir: string;
    readonly about: Record<string, unknown> | undefined;
    readonly signal: AbortSignal;
    readonly onBeat: () => void;
  }): Promise<WriterProcess> {
    const it = new WriterProcess(o.target, o.onBeat);
    try {
      await it.#start(o);
      return it;
    } catch (error) {
      await it.end();
      throw error;
    }
  }

  async #start(o: Parameters<typeof WriterProcess.start>[0]): Promise<void> {
    const { place, options, historyDir, about } = o;
    const signal = AbortSignal.any([o.signal, this.#abort.signal]);
    const hello = this.#next('hello', HELLO_TIMEOUT_MS, signal);
    hello.catch(() => undefined);
    const link = await place.open(
      { historyDir, signal },
      { onMessage: (message, bytes) => this.#take(message, bytes), onEnd: (why) => this.#end(why) },
    );
    this.#link = link;
    const { version, pid } = await hello;
    this.pid = pid;
    if (version !== PROTOCOL_VERSION) {
      throw new LedgerProcessError(
        `the process of the writers speaks version ${version}; version ${PROTOCOL_VERSION} would be right`,
      );
    }
    if (!link.sharesDisk) this.#mirror = new HistoryMirror(historyDir, (...part) => this.#fetch(...part));
    this.clock = await this.#tieClock(signal);
    const { user, password, database, ca, tlsServerName } = this.#target;
    const start: ToWriters = {
      kind: 'start',
      version: PROTOCOL_VERSION,
      clock: this.clock,
      options,
      target: { user, password, database, ca, tlsServerName },
      historyDir: link.historyDir,
      beatMs: link.sharesDisk ? BEAT_MS : REMOTE_BEAT_MS,
      about,
    };
    await this.#next('started', options.startTimeoutMs + GRACE_MS, signal, start);
    while (this.#mirror !== undefined && this.state.heardMs === -Infinity) {
      await this.#next('beat', GRACE_MS, signal);
      await this.#mirrored;
    }
  }

  /** Adds a count of standbys to the history. */
  standbys(observation: { atMs: number; streaming: number; synchronous: number }): void {
    this.#link?.send({ kind: 'standbys', ...observation });
  }

  /** Lets it issue no more writes and waits until none is in flight. Resolves also when the process is gone. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#gone !== undefined || this.#link === undefined) return;
    const limitMs = timeoutMs + this.#graceMs;
    await this.#next('stopped', limitMs, this.#abort.signal, { kind: 'stop', timeoutMs }).catch(() => undefined);
  }

  /** Lets it end the history, fetches what is missing of it, and ends the process. */
  async close(): Promise<void> {
    if (this.#gone === undefined && this.#link !== undefined) {
      try {
        const { sizes } = await this.#next('closed', this.#graceMs, this.#abort.signal, { kind: 'close' });
        await this.#mirror?.complete(sizes);
      } catch (error) {
        this.state.failure ??= new LedgerProcessError(`the history was not ended: ${errorReason(error)}`);
      }
    }
    await this.end();
  }

  /** Ends the process whatever it does. */
  async end(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    this.#abort.abort();
    await link?.end();
    this.#mirror?.[Symbol.dispose]();
  }

  get #graceMs(): number {
    return this.#link?.graceMs ?? GRACE_MS;
  }

  #take(message: FromWriters, bytes: Buffer): void {
    const { state } = this;
    if (message.kind === 'hello' && this.#mirror !== undefined) {
      for (const { ask } of this.#waiting) if (ask !== undefined) this.#link?.send(ask);
    } else if (message.kind === 'address?') void this.#tellAddress(message.id);
    else if (message.kind === 'beat') {
      state.backlog = message.backlog;
      state.dropped = message.dropped;
      if (this.#mirror === undefined) state.heardMs = message.atMs;
      else this.#update(this.#mirror, message);
      this.#onBeat();
    } else if (message.kind === 'ending') {
      state.endedAtMs ??= message.atMs;
      if (message.failure !== undefined) state.failure ??= receiveError(message.failure);
    } else if (message.kind === 'refused') {
      for (const waiting of this.#waiting) waiting.reject(receiveError(message.error));
    }
    for (const waiting of this.#waiting) if (waiting.kind === message.kind) waiting.resolve(message, bytes);
  }

  /** What was heard counts when it has been copied. Beats that come meanwhile are left out. */
  #update(mirror: HistoryMirror, { atMs, sizes }: Extract<FromWriters, { kind: 'beat' }>): void {
    this.#mirrored ??= mirror
      .update(sizes)
      .then(() => {
        this.state.heardMs = Math.max(this.state.heardMs, atMs);
      })
      .catch((error: unknown) => {
        // a fetch that got lost is made good by the next beat
        if (error instanceof HistoryWriteError) this.state.failure ??= error;
      })
      .finally(() => (this.#mirrored = undefined));
  }

  async #fetch(file: HistoryPart, offset: number, length: number): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const waiting: Waiting = {
      kind: 'part',
      resolve: (message, bytes) => {
        if (message.kind === 'part' && message.file === file && message.offset === offset) resolve(bytes);
      },
      reject,
    };
    const ask: ToWriters = { kind: 'fetch', file, offset, length };
    return await this.#await({ ...waiting, ask }, promise, this.#graceMs, this.#abort.signal);
  }

  #end(why: string): void {
    if (this.#gone !== undefined) return;
    this.#gone = why;
    const error = new LedgerProcessError(`the process of the writers ended: ${why}`);
    if (this.#link !== undefined) {
      this.state.endedAtMs ??= performance.now();
      this.state.failure ??= error;
    }
    for (const waiting of this.#waiting) waiting.reject(error);
  }

  /** The next message of a kind. */
  async #next<K extends FromWriters['kind']>(
    kind: K,
    timeoutMs: number,
    signal: AbortSignal,
    ask?: ToWriters,
  ): Promise<Extract<FromWriters, { kind: K }>> {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<FromWriters, { kind: K }>>();
    const waiting: Waiting = { kind, ask, resolve: (message) => isKind(message, kind) && resolve(message), reject };
    return await this.#await(waiting, promise, timeoutMs, signal);
  }

  async #await<T>(waiting: Waiting, promise: Promise<T>, timeoutMs: number, signal: AbortSignal): Promise<T> {
    const { kind, reject } = waiting;
    this.#waiting.add(waiting);
    const late = `no "${kind}" from the process of the writers within ${timeoutMs} ms`;
    const timer = setTimeout(() => reject(new LedgerProcessError(late)), timeoutMs);
    const aborted = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
    if (this.#gone !== undefined) reject(new LedgerProcessError(`the process of the writers ended: ${this.#gone}`));
    if (waiting.ask !== undefined) this.#link?.send(waiting.ask);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      this.#waiting.delete(waiting);
    }
  }

  async #tieClock(signal: AbortSignal): Promise<ClockOffset> {
    const samples: ClockSample[] = [];
    for (let id = 0; id < CLOCK_SAMPLES; id++) {
      const pong = this.#next('pong', GRACE_MS, signal);
      const sentMs = performance.now();
      this.#link?.send({ kind: 'ping', id });
      const message = await pong;
      samples.push({ sentMs, answeredMs: performance.now(), monotonicMs: message.monotonicMs });
      // not all of them in the same moment of load
      await sleep(1);
    }
    return clockOffset(samples, -monotonicAheadMs());
  }

  async #tellAddress(id: number): Promise<void> {
    try {
      const { host, port } = await this.#target.resolveHost(this.#abort.signal);
      this.#link?.send({ kind: 'address', id, host, port });
    } catch (error) {
      this.#link?.send({ kind: 'no-address', id, message: errorReason(error) });
    }
  }
}

function isKind<K extends FromWriters['kind']>(
  message: FromWriters,
  kind: K,
): message is Extract<FromWriters, { kind: K }> {
  return message.kind === kind;
}
