import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noteFaults } from '../observers/observation-file.ts';
import type { FaultFacts } from '../observers/observation-file.ts';
import { Observers } from '../observers/observers.ts';
import { LedgerError, LedgerTimeoutError, errorReason } from './errors.ts';
import { HistoryFollower } from './history/follower.ts';
import { verifyAgainst } from './history/verify-against.ts';
import type { LedgerVerification } from './judge-run.ts';
import { measureRecovery, measureWriteGap } from './measure.ts';
import type { MeasureContext, WriteGap, WriteRecovery } from './measure.ts';
import { resolveLedgerOptions } from './options.ts';
import type { LedgerOptions, ResolvedLedgerOptions } from './options.ts';
import { localPlace } from './process/local-place.ts';
import { WriterProcess } from './process/writer-process.ts';
import type { RunRecord } from './run-record.ts';
import { dropRunTable } from './run-table.ts';
import { latencyFromDue } from './service-times.ts';
import type { LatencySummary } from './service-times.ts';
import { columnText } from './target.ts';
import type { FinalReader, LedgerTarget } from './target.ts';
import type { LedgerVerdict } from './verdict.ts';

/** A live snapshot. */
export interface LedgerProgress {
  readonly attempted: number;
  /** Acknowledged, strongly and weakly. */
  readonly acked: number;
  readonly ackedWeak: number;
  readonly failed: number;
  readonly unknown: number;
  readonly inFlight: number;
  /** Due and waiting for a free writer. */
  readonly backlog: number;
  readonly dropped: number;
  readonly connectFailed: number;
  /** Over the last second. */
  readonly acksPerSecond: number;
  /** `undefined` before the first acknowledgement. */
  readonly msSinceLastAck: number | undefined;
}

/** Bounds of a wait. */
export interface LedgerWaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const OBSERVE_TIMEOUT_MS = 5000;
const POLL_MS = 20;
/** Up to this, in ms, a process that says nothing is only late. */
const HEARD_MS = 250;

/**
 * Writes unique rows from N dedicated connections, remembers what the client was told of each, and finally compares that
 * with what is there. The connections and the history live in a process of their own; this one follows the history on disk.
 * All times are `performance.now()` of this process, in ms.
 */
export class Ledger implements AsyncDisposable {
  readonly options: ResolvedLedgerOptions;
  /** Where the history of the run is. */
  readonly historyDir: string;
  readonly startedAtMs = performance.now();
  readonly #target: LedgerTarget;
  readonly #process: WriterProcess;
  readonly #follower: HistoryFollower;
  readonly #temporary: boolean;
  readonly #observers: Observers | undefined;
  #origins = 0;
  #stopping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #broken: LedgerError | undefined;
  #verification: LedgerVerification | undefined;

  private constructor(parts: LedgerParts) {
    this.options = parts.options;
    this.historyDir = parts.historyDir;
    this.#target = parts.target;
    this.#process = parts.process;
    this.#follower = parts.follower;
    this.#temporary = parts.temporary;
    this.#observers = parts.observers;
  }

  /**
   * Starts the process of the writers, creates the table, opens every writer's connection, and begins to write.
   * @throws LedgerOptionError, HistoryWriteError (`historyDir`), LedgerStartError (unreachable, standby, too old, table exists), LedgerDurabilityError (`expectSync`), LedgerProcessError.
   */
  static async start(target: LedgerTarget, options: LedgerOptions & { signal?: AbortSignal }): Promise<Ledger> {
    const resolved = resolveLedgerOptions(options);
    const signal = options.signal ?? new AbortController().signal;
    signal.throwIfAborted();
    const temporary = options.historyDir === undefined;
    const historyDir =
      options.historyDir === undefined ? mkdtempSync(join(tmpdir(), 'chaos-ledger-')) : resolve(options.historyDir);
    const { about, place = localPlace } = options;
    let ledger: Ledger | undefined;
    try {
      const onBeat = (): void => (ledger === undefined ? undefined : ledger.#catchUp());
      const process = await WriterProcess.start({
        place,
        target,
        options: resolved,
        historyDir,
        about,
        signal,
        onBeat,
      });
      const follower = new HistoryFollower(historyDir, resolved.batch);
      const observers = observersOf(target, resolved, historyDir, options.observe ?? true);
      ledger = new Ledger({ target, options: resolved, historyDir, temporary, process, follower, observers });
    } catch (error) {
      if (temporary) rmSync(historyDir, { recursive: true, force: true });
      throw error;
    }
    const stop = (): void => void ledger.stop({ timeoutMs: 0 });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    return ledger;
  }

  /** A live snapshot. */
  get progress(): LedgerProgress {
    const { counts, lastAckMs, acknowledged, inFlight } = this.#record();
    const { backlog, dropped } = this.#process.state;
    const now = performance.now();
    return {
      attempted: counts.attempted,
      acked: acknowledged,
      ackedWeak: counts['ok-weak'],
      failed: counts.fail,
      unknown: counts.info,
      inFlight,
      backlog,
      dropped,
      connectFailed: counts.connectFailed,
      acksPerSecond: this.#follower.acksPerSecond(now),
      msSinceLastAck: lastAckMs === undefined ? undefined : now - lastAckMs,
    };
  }

  /** Number of the process of the writers, where that runs. */
  get writerPid(): number {
    return this.#process.pid;
  }

  /** The result of the last `verify`, for reports. */
  get verification(): LedgerVerification | undefined {
    return this.#verification;
  }

  /** Waits until `n` more writes were acknowledged. Rejects with LedgerTimeoutError, HistoryWriteError, or the signal's reason. */
  async waitForAcks(n: number, options: LedgerWaitOptions): Promise<void> {
    const goal = this.#record().acknowledged + n;
    await this.#waitUntil(`${n} more acknowledged writes`, options, () => this.#record().acknowledged >= goal);
  }

  /** Waits until service is confirmed to be back after a fault (5 s of continuous acknowledgements). Rejects with LedgerTimeoutError or HistoryWriteError. */
  async waitForRecovery(faultAtMs: number, options: LedgerWaitOptions): Promise<WriteRecovery> {
    await this.#waitUntil('continuous acknowledgements', options, () => this.recovery(faultAtMs).confirmed, 100);
    return this.recovery(faultAtMs);
  }

  /** The longest time without an acknowledgement inside the window; by default from the first acknowledgement until now, or until the ledger stopped. */
  writeGap(fromMs?: number, toMs?: number): WriteGap {
    const end = Math.min(toMs ?? Infinity, this.#observedUntilMs());
    const origins = this.#record().origins.map((origin) => origin.firstAckMs);
    const start = fromMs ?? (origins.length === 0 ? this.startedAtMs : Math.min(...origins));
    return measureWriteGap(this.#measured(), Math.min(start, end), end);
  }

  /** From the fault to the first acknowledgement of a write sent after it that was followed by continuous service, with its error bar. */
  recovery(faultAtMs: number): WriteRecovery {
    return measureRecovery(this.#measured(), faultAtMs, this.#observedUntilMs());
  }

  /** `recovery().recoveryMs` when it is confirmed and reliable, otherwise `undefined`. */
  recoveryTime(faultAtMs: number): number | undefined {
    const { recoveryMs, confirmed, unreliable } = this.recovery(faultAtMs);
    return confirmed && unreliable === undefined ? recoveryMs : undefined;
  }

  /** Exact latency percentiles of a window, counted from the due time. */
  latency(fromMs = this.startedAtMs, toMs = this.#observedUntilMs()): LatencySummary | undefined {
    return latencyFromDue(this.#record().completions, fromMs, toMs);
  }

  /** Issues no more writes and waits for those in flight, at most `timeoutMs` (default `opTimeoutMs`); what is still open then stays unknown. Idempotent. */
  async stop(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.timeoutMs ?? this.options.opTimeoutMs);
    await this.#stopping;
  }

  /** Keeps with the history what was broken on purpose, so that it is known even when this process does not live to verify. Never throws. */
  noteFaults(faults: readonly FaultFacts[]): void {
    noteFaults(this.historyDir, faults);
  }

  /**
   * Stops, ends the history and every session that could still commit, reads the table from the primary and judges what
   * the history says of it. What the cluster does wrong is in the result; a read that does not succeed within `timeoutMs`
   * (default 60 s) makes it `inconclusive`.
   */
  async verify(options: {
    final: FinalReader;
    timeoutMs?: number;
    /** How long a standby that lags may take to replay what the primary has, before it is compared, in ms. @default 15000 */
    catchUpMs?: number;
    signal?: AbortSignal;
    /** What was broken on purpose while it wrote: then the run must have been able to show something about it. */
    faults?: readonly FaultFacts[];
  }): Promise<LedgerVerification> {
    await this.stop();
    await this.#close();
    await this.#observers?.stop();
    noteFaults(this.historyDir, options.faults ?? []);
    const { faults: _, ...how } = options;
    const { verification } = await verifyAgainst(this.historyDir, { target: this.#target, ...how });
    const failure = this.#failure();
    this.#verification = failure === undefined ? verification : withDoubt(verification, failure.message);
    return this.#verification;
  }

  /** Drops every connection and, depending on `keepTable`, the table. Bounded. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ timeoutMs: 0 });
    await this.#close();
    await this.#observers?.stop();
    const { keepTable } = this.options;
    const found = this.#verification;
    const clean = found?.integrity === 'pass' && found.verdict !== 'fail';
    if (keepTable === 'never' || (keepTable === 'on-failure' && clean))
      await dropRunTable(this.#target, this.options).catch(() => undefined);
    if (this.#temporary) rmSync(this.historyDir, { recursive: true, force: true });
  }

  /** Everything that is known now. */
  #record(): RunRecord {
    this.#catchUp();
    return this.#follower.record;
  }

  #catchUp(): void {
    try {
      this.#follower.catchUp();
    } catch (error) {
      this.#broken ??= error instanceof LedgerError ? error : new LedgerError('LEDGER_HISTORY', errorReason(error));
    }
    const { origins } = this.#follower.record;
    if (origins.length > this.#origins) {
      this.#origins = origins.length;
      void this.#observeStandbys(AbortSignal.timeout(OBSERVE_TIMEOUT_MS));
    }
  }

  /** Why what is known may be wrong or not all. */
  #failure(): LedgerError | undefined {
    return this.#process.state.failure ?? this.#broken;
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#process.state.endedAtMs ??= performance.now();
    await this.#process.stop(timeoutMs);
    this.#catchUp();
  }

  async #close(): Promise<void> {
    this.#closing ??= this.#end();
    await this.#closing;
  }

  async #end(): Promise<void> {
    await this.#observeStandbys(AbortSignal.timeout(OBSERVE_TIMEOUT_MS));
    await this.#process.close();
    this.#catchUp();
    this.#follower[Symbol.dispose]();
  }

  /** Counts the standbys of the current primary, when the target gives us the means. An observation that fails is left out. */
  async #observeStandbys(signal: AbortSignal): Promise<void> {
    try {
      const sql =
        "select count(*)::text as streaming, count(*) filter (where sync_state in ('sync', 'quorum'))::text as synchronous from pg_stat_replication where state = 'streaming'";
      const [row] = (await this.#target.admin?.(sql, signal)) ?? [];
      const streaming = columnText(row, 'streaming');
      const synchronous = columnText(row, 'synchronous');
      if (streaming === undefined || synchronous === undefined) return;
      const counts = { streaming: Number(streaming), synchronous: Number(synchronous) };
      this.#process.standbys({ atMs: performance.now(), ...counts });
    } catch {
      // the primary may be down; the settings in force for each write are what the claim rests on
    }
  }

  async #waitUntil(what: string, options: LedgerWaitOptions, done: () => boolean, pollMs = POLL_MS): Promise<void> {
    const startMs = performance.now();
    while (!done()) {
      options.signal?.throwIfAborted();
      const elapsedMs = performance.now() - startMs;
      // no write can come any more, and that says nothing about the cluster
      const failure = this.#failure();
      if (failure !== undefined) throw failure;
      if (elapsedMs >= options.timeoutMs || this.#process.state.endedAtMs !== undefined) {
        const top = this.#record()
          .reasons.slice(0, 3)
          .map(({ reason, count }) => `${count} × ${reason}`);
        const { acked, failed, unknown, inFlight, msSinceLastAck } = this.progress;
        const since = msSinceLastAck === undefined ? 'never' : `${(msSinceLastAck / 1000).toFixed(1)} s ago`;
        const state = `${acked} acknowledged (last ${since}), ${failed} failed, ${unknown} unknown, ${inFlight} in flight`;
        throw new LedgerTimeoutError(what, elapsedMs, [state, ...top].join('; '));
      }
      await sleep(pollMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }

  /** Until when it is known what the writers saw: a process that is stopped, or cut off, tells nothing. */
  #observedUntilMs(): number {
    const { endedAtMs, heardMs } = this.#process.state;
    const now = performance.now();
    return endedAtMs ?? (now - heardMs < HEARD_MS ? now : Math.max(heardMs, this.startedAtMs));
  }

  #measured(): MeasureContext {
    const { rate } = this.options;
    const { completions, stalls } = this.#record();
    const { uncertaintyMs } = this.#process.clock;
    return { log: completions, eventLoop: stalls, rate: rate === 'closed' ? undefined : rate, uncertaintyMs };
  }
}

interface LedgerParts {
  readonly target: LedgerTarget;
  readonly options: ResolvedLedgerOptions;
  readonly historyDir: string;
  readonly temporary: boolean;
  readonly process: WriterProcess;
  readonly follower: HistoryFollower;
  readonly observers: Observers | undefined;
}

/** Those who look while it writes, where the target knows its instances. */
function observersOf(
  target: LedgerTarget,
  { table, writers, applicationName }: ResolvedLedgerOptions,
  dir: string,
  wanted: boolean,
): Observers | undefined {
  if (!wanted || target.instances === undefined) return undefined;
  return Observers.start({ target, dir, table, writers, applicationName });
}

/** A run whose history is not all there, or whose process broke, cannot pass. */
function withDoubt(verification: LedgerVerification, reason: string): LedgerVerification {
  const { verdict, integrity, reasons } = verification;
  if (reasons.includes(reason)) return verification;
  const doubted = (it: LedgerVerdict): LedgerVerdict => (it === 'pass' ? 'inconclusive' : it);
  return { ...verification, verdict: doubted(verdict), integrity: doubted(integrity), reasons: [...reasons, reason] };
}
