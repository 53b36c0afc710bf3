import { setTimeout as sleep } from 'node:timers/promises';
import { EventLoopMonitor } from '../observers/event-loop.ts';
import { durabilityObjection } from './durability.ts';
import { LedgerDurabilityError, LedgerError, LedgerStartError, LedgerTimeoutError, errorReason } from './errors.ts';
import { finalApplicationName } from './final-read.ts';
import { HistoryWriter } from './history/history-writer.ts';
import type { LedgerVerification } from './judge-run.ts';
import { measureRecovery, measureWriteGap } from './measure.ts';
import type { MeasureContext, WriteGap, WriteRecovery } from './measure.ts';
import { resolveLedgerOptions } from './options.ts';
import type { LedgerOptions, ResolvedLedgerOptions } from './options.ts';
import { Payloads } from './payload.ts';
import { RunRecord } from './run-record.ts';
import { ClosedLoop, OpenLoop } from './schedule.ts';
import type { Schedule } from './schedule.ts';
import { latencyFromDue } from './service-times.ts';
import type { LatencySummary } from './service-times.ts';
import { Session } from './session.ts';
import { createTableSql } from './table.ts';
import { columnText } from './target.ts';
import type { FinalReader, LedgerTarget } from './target.ts';
import { verifyRun } from './verify.ts';
import { Writer } from './writer.ts';

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

/** Oldest server whose behaviour the ledger's rules hold for (`server_version_num`). */
const MIN_SERVER_VERSION = 140_000;
const DROP_TIMEOUT_MS = 5000;
const OBSERVE_TIMEOUT_MS = 5000;
const POLL_MS = 20;

/**
 * Writes unique rows from N dedicated connections, remembers what the client was told of each, and finally compares that
 * with what is there. All times are `performance.now()` of this process, in ms.
 */
export class Ledger implements AsyncDisposable {
  readonly options: ResolvedLedgerOptions;
  readonly startedAtMs = performance.now();
  readonly #target: LedgerTarget;
  readonly #record: RunRecord;
  readonly #history: HistoryWriter | undefined;
  readonly #payloads: Payloads;
  readonly #abort: AbortController;
  readonly #eventLoop = new EventLoopMonitor();
  readonly #schedule: Schedule;
  readonly #writers: readonly Writer[];
  readonly #running: Promise<void>;
  #stopping: Promise<void> | undefined;
  #stoppedAtMs: number | undefined;
  #verification: LedgerVerification | undefined;

  private constructor(parts: LedgerParts) {
    this.options = parts.options;
    this.#target = parts.target;
    this.#record = parts.record;
    this.#history = parts.history;
    this.#payloads = parts.payloads;
    this.#abort = parts.abort;
    this.#writers = parts.writers;
    const { rate, maxBacklogMs } = parts.options;
    this.#schedule = rate === 'closed' ? new ClosedLoop() : new OpenLoop(rate, maxBacklogMs);
    this.#running = this.#run();
    this.#abort.signal.addEventListener('abort', () => this.#issueNoMore(), { once: true });
    if (this.#history === undefined) return;
    this.#history.onFailure = () => this.#issueNoMore();
    if (this.#history.failure !== undefined) this.#issueNoMore();
  }

  /**
   * Creates the table, opens every writer's connection, and begins to write.
   * @throws LedgerOptionError, HistoryWriteError (`historyDir`), LedgerStartError (unreachable, standby, too old, table exists), LedgerDurabilityError (`expectSync`).
   */
  static async start(target: LedgerTarget, options: LedgerOptions & { signal?: AbortSignal }): Promise<Ledger> {
    const resolved = resolveLedgerOptions(options);
    const abort = new AbortController();
    options.signal?.throwIfAborted();
    options.signal?.addEventListener('abort', () => abort.abort(options.signal?.reason), { once: true });
    const { historyDir, about } = options;
    const history =
      historyDir === undefined ? undefined : HistoryWriter.create(historyDir, { options: resolved, about });
    const record = new RunRecord(resolved.writers, history);
    const payloads = new Payloads(resolved.seed, resolved.payloadBytes);
    const context = {
      target,
      options: resolved,
      record,
      payloads,
      signal: abort.signal,
      onNewOrigin: () => void observeStandbys(target, record, abort.signal),
    };
    const writers = Array.from({ length: resolved.writers }, (_, index) => new Writer(index, context));
    let created = false;
    try {
      const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(resolved.startTimeoutMs)]);
      await createTable(target, resolved, record, signal);
      created = true;
      await Promise.all(writers.map((writer) => writer.connect()));
    } catch (error) {
      abort.abort();
      for (const writer of writers) writer.abandon('start failed');
      if (created) await dropTable(target, resolved).catch(() => undefined);
      await history?.discard();
      if (error instanceof LedgerError) throw error;
      throw new LedgerStartError(`the ledger could not start: ${errorReason(error)}`, { cause: error });
    }
    return new Ledger({ target, options: resolved, record, history, payloads, abort, writers });
  }

  /** A live snapshot. */
  get progress(): LedgerProgress {
    const { counts, completions, lastAckMs } = this.#record;
    const now = performance.now();
    let acksPerSecond = 0;
    for (let i = completions.firstAtOrAfter(now - 1000); i < completions.length; i++) {
      if (completions.acknowledged(i)) acksPerSecond++;
    }
    return {
      attempted: counts.attempted,
      acked: this.#record.acknowledged,
      ackedWeak: counts['ok-weak'],
      failed: counts.fail,
      unknown: counts.info,
      inFlight: this.#record.inFlight,
      backlog: this.#schedule.backlog,
      dropped: this.#schedule.dropped,
      connectFailed: counts.connectFailed,
      acksPerSecond,
      msSinceLastAck: lastAckMs === undefined ? undefined : now - lastAckMs,
    };
  }

  /** The result of the last `verify`, for reports. */
  get verification(): LedgerVerification | undefined {
    return this.#verification;
  }

  /** Waits until `n` more writes were acknowledged. Rejects with LedgerTimeoutError, HistoryWriteError, or the signal's reason. */
  async waitForAcks(n: number, options: LedgerWaitOptions): Promise<void> {
    const goal = this.#record.acknowledged + n;
    await this.#waitUntil(`${n} more acknowledged writes`, options, () => this.#record.acknowledged >= goal);
  }

  /** Waits until service is confirmed to be back after a fault (5 s of continuous acknowledgements). Rejects with LedgerTimeoutError or HistoryWriteError. */
  async waitForRecovery(faultAtMs: number, options: LedgerWaitOptions): Promise<WriteRecovery> {
    await this.#waitUntil('continuous acknowledgements', options, () => this.recovery(faultAtMs).confirmed, 100);
    return this.recovery(faultAtMs);
  }

  /** The longest time without an acknowledgement inside the window; by default from the first acknowledgement until now, or until the ledger stopped. */
  writeGap(fromMs?: number, toMs?: number): WriteGap {
    const end = Math.min(toMs ?? Infinity, this.#observedUntilMs());
    const origins = this.#record.origins.map((origin) => origin.firstAckMs);
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
    return latencyFromDue(this.#record.completions, fromMs, toMs);
  }

  /** Issues no more writes and waits for those in flight, at most `timeoutMs` (default `opTimeoutMs`); what is still open then stays unknown. Idempotent. */
  async stop(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.timeoutMs ?? this.options.opTimeoutMs);
    await this.#stopping;
  }

  /**
   * Stops, ends every session that could still commit, reads the table from the primary and judges. What the cluster does
   * wrong is in the result; a read that does not succeed within `timeoutMs` (default 60 s) makes it `inconclusive`.
   */
  async verify(options: { final: FinalReader; timeoutMs?: number; signal?: AbortSignal }): Promise<LedgerVerification> {
    await this.stop();
    const context = {
      target: this.#target,
      final: options.final,
      options: this.options,
      record: this.#record,
      payloads: this.#payloads,
      historyDir: this.#history?.dir,
      timeoutMs: options.timeoutMs ?? 60_000,
      signal: options.signal ?? new AbortController().signal,
    };
    await observeStandbys(this.#target, this.#record, context.signal);
    this.#verification = await verifyRun(context);
    return this.#verification;
  }

  /** Drops every connection and, depending on `keepTable`, the table. Bounded. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.stop({ timeoutMs: 0 });
    this.#eventLoop[Symbol.dispose]();
    const { keepTable } = this.options;
    const found = this.#verification;
    const clean = found?.integrity === 'pass' && found.verdict !== 'fail';
    if (keepTable === 'never' || (keepTable === 'on-failure' && clean))
      await dropTable(this.#target, this.options).catch(() => undefined);
    await this.#history?.close();
  }

  /** A writer that throws is a defect of ours: the run goes on with the others and cannot pass. */
  async #run(): Promise<void> {
    const runs = this.#writers.map((writer) => writer.run(this.#schedule));
    for (const result of await Promise.allSettled(runs)) {
      if (result.status === 'rejected')
        this.#record.doubt(`a writer of the ledger broke: ${errorReason(result.reason)}`);
    }
    if (this.#history?.failure !== undefined) this.#record.doubt(this.#history.failure.message);
    this.#record.drop(this.#schedule.dropped);
  }

  #issueNoMore(): void {
    this.#stoppedAtMs ??= performance.now();
    this.#schedule.stop();
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#issueNoMore();
    const patience = new AbortController();
    const late = sleep(timeoutMs, 'late', { signal: patience.signal }).catch(() => undefined);
    if ((await Promise.race([this.#running, late])) === 'late') {
      this.#abort.abort();
      for (const writer of this.#writers) writer.abandon('stopped');
    }
    await this.#running;
    patience.abort();
  }

  async #waitUntil(what: string, options: LedgerWaitOptions, done: () => boolean, pollMs = POLL_MS): Promise<void> {
    const startMs = performance.now();
    while (!done()) {
      options.signal?.throwIfAborted();
      const elapsedMs = performance.now() - startMs;
      // no write can come any more, and that says nothing about the cluster
      if (this.#history?.failure !== undefined) throw this.#history.failure;
      if (elapsedMs >= options.timeoutMs || this.#stoppedAtMs !== undefined) {
        const top = this.#record.reasons.slice(0, 3).map(({ reason, count }) => `${count} × ${reason}`);
        const { acked, failed, unknown, inFlight, msSinceLastAck } = this.progress;
        const since = msSinceLastAck === undefined ? 'never' : `${(msSinceLastAck / 1000).toFixed(1)} s ago`;
        const state = `${acked} acknowledged (last ${since}), ${failed} failed, ${unknown} unknown, ${inFlight} in flight`;
        throw new LedgerTimeoutError(what, elapsedMs, [state, ...top].join('; '));
      }
      await sleep(pollMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }

  #observedUntilMs(): number {
    return this.#stoppedAtMs ?? performance.now();
  }

  #measured(): MeasureContext {
    const { rate } = this.options;
    return { log: this.#record.completions, eventLoop: this.#eventLoop, rate: rate === 'closed' ? undefined : rate };
  }
}

interface LedgerParts {
  readonly target: LedgerTarget;
  readonly options: ResolvedLedgerOptions;
  readonly record: RunRecord;
  readonly history: HistoryWriter | undefined;
  readonly payloads: Payloads;
  readonly abort: AbortController;
  readonly writers: readonly Writer[];
}

/** Checks the server and creates the table of the run. */
async function createTable(
  target: LedgerTarget,
  options: ResolvedLedgerOptions,
  record: RunRecord,
  signal: AbortSignal,
): Promise<void> {
  const { connectTimeoutMs, startTimeoutMs, table } = options;
  const session = await Session.open(target, { applicationName: options.applicationName, connectTimeoutMs, signal });
  try {
    const facts = await session.facts(connectTimeoutMs);
    record.learnSettings(facts);
    if (facts.serverVersion < MIN_SERVER_VERSION) {
      throw new LedgerStartError(
        `${facts.server} runs server version ${facts.serverVersion}; PostgreSQL 14 or newer is needed`,
      );
    }
    if (facts.inRecovery)
      throw new LedgerStartError(`${facts.server} is in recovery: the target must lead to the primary`);
    const objection = durabilityObjection(facts);
    if (options.expectSync && objection !== undefined) {
      throw new LedgerDurabilityError(`synchronous replication is expected on ${facts.server}, but ${objection}`);
    }
    const reply = await session.exchange({ text: createTableSql(table) }, startTimeoutMs);
    if (reply.error !== undefined) {
      throw new LedgerStartError(`table ${table} could not be created: ${errorReason(reply.error)}`, {
        cause: reply.error,
      });
    }
  } finally {
    await session.close();
  }
}

async function dropTable(target: LedgerTarget, options: ResolvedLedgerOptions): Promise<void> {
  const { connectTimeoutMs, table } = options;
  const signal = AbortSignal.timeout(DROP_TIMEOUT_MS);
  const session = await Session.open(target, {
    applicationName: finalApplicationName(options),
    connectTimeoutMs,
    signal,
  });
  try {
    await session.query(`set lock_timeout = ${DROP_TIMEOUT_MS}`, DROP_TIMEOUT_MS);
    await session.query(`drop table if exists ${table}`, DROP_TIMEOUT_MS);
  } finally {
    await session.close();
  }
}

/** Counts the standbys of the current primary, when the target gives us the means. An observation that fails is left out. */
async function observeStandbys(target: LedgerTarget, record: RunRecord, signal: AbortSignal): Promise<void> {
  try {
    const sql =
      "select count(*)::text as streaming, count(*) filter (where sync_state in ('sync', 'quorum'))::text as synchronous from pg_stat_replication where state = 'streaming'";
    const [row] = (await target.admin?.(sql, AbortSignal.any([signal, AbortSignal.timeout(OBSERVE_TIMEOUT_MS)]))) ?? [];
    const streaming = columnText(row, 'streaming');
    const synchronous = columnText(row, 'synchronous');
    if (streaming === undefined || synchronous === undefined) return;
    record.observed({ atMs: performance.now(), streaming: Number(streaming), synchronous: Number(synchronous) });
  } catch {
    // the primary may be down; the settings in force for each write are what the claim rests on
  }
}
