import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../backoff.ts';
import { LedgerError, LedgerStartError, LedgerTimeoutError, errorReason } from '../errors.ts';
import { adminOf, assertRightServer, endSessions, quiesce } from '../final-guard.ts';
import type { ReasonCount } from '../run-record.ts';
import { ClosedLoop, OpenLoop } from '../schedule.ts';
import type { Schedule } from '../schedule.ts';
import { Session } from '../session.ts';
import type { SessionFacts } from '../session.ts';
import type { FinalReader, LedgerTarget } from '../target.ts';
import { TransactionClient } from './transaction-client.ts';
import type { Statement, TransactionEnd } from './transaction-client.ts';
import type { TransactionLog } from './transaction-log.ts';
import type { ResolvedTransactionOptions } from './transaction-options.ts';

/** What a run does. */
export interface TransactionPlan {
  /** Statements that make its tables, whose names begin with the prefix of the options. */
  readonly createSql: readonly string[];
  readonly tables: readonly string[];
  /** Runs one transaction on a connected client, and records it. */
  step(client: TransactionClient): Promise<TransactionEnd<unknown>>;
  /** Told of each new session. */
  connected(process: number, facts: SessionFacts): void;
}

/** A live snapshot of a run of transactions. */
export interface TransactionProgress {
  readonly ok: number;
  readonly failed: number;
  readonly unknown: number;
  readonly connectFailed: number;
  /** Due and never attempted, because no worker was free for too long. */
  readonly dropped: number;
}

/** What a run was read from at its end. */
export interface EndRead<T> {
  readonly value: T;
  readonly server: string;
  readonly timeline: number;
  readonly unreachable: readonly string[];
}

const POLL_MS = 20;
const RETRY_MS = 500;
const DROP_TIMEOUT_MS = 5000;
const MAX_REASONS = 100;

/** The workers of a run, from creating its tables to dropping them. What the transactions are is the plan's business. */
export class TransactionRun implements AsyncDisposable {
  readonly options: ResolvedTransactionOptions;
  /** Reasons why the record of the run may be wrong. */
  readonly doubts: string[] = [];
  readonly #target: LedgerTarget;
  readonly #plan: TransactionPlan;
  readonly #log: TransactionLog | undefined;
  readonly #abort: AbortController;
  readonly #schedule: Schedule;
  readonly #counts = { ok: 0, failed: 0, unknown: 0, connectFailed: 0 };
  readonly #reasons = new Map<string, ReasonCount>();
  #clients: readonly TransactionClient[] = [];
  #running: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #stopped = false;
  #systemIdentifier: string | undefined;
  #highestTimeline = 0;
  #marks = 0;
  #keep = true;

  private constructor(
    target: LedgerTarget,
    options: ResolvedTransactionOptions,
    plan: TransactionPlan,
    log: TransactionLog | undefined,
    abort: AbortController,
  ) {
    this.#target = target;
    this.options = options;
    this.#plan = plan;
    this.#log = log;
    this.#abort = abort;
    this.#schedule = options.rate === 'closed' ? new ClosedLoop() : new OpenLoop(options.rate, options.maxBacklogMs);
    abort.signal.addEventListener('abort', () => this.#issueNoMore(), { once: true });
    if (log !== undefined) log.onFailure = () => this.#issueNoMore();
  }

  /** Creates the tables, connects every worker, and begins. @throws LedgerStartError */
  static async start(
    target: LedgerTarget,
    options: ResolvedTransactionOptions,
    plan: TransactionPlan,
    more: { log?: TransactionLog | undefined; signal?: AbortSignal | undefined },
  ): Promise<TransactionRun> {
    const abort = new AbortController();
    more.signal?.throwIfAborted();
    more.signal?.addEventListener('abort', () => abort.abort(more.signal?.reason), { once: true });
    const run = new TransactionRun(target, options, plan, more.log, abort);
    try {
      await run.#open();
    } catch (error) {
      run.#issueNoMore();
      for (const client of run.#clients) client.abandon('start failed');
      await run.#drop().catch(() => undefined);
      if (error instanceof LedgerError) throw error;
      throw new LedgerStartError(`the transactions could not start: ${errorReason(error)}`, { cause: error });
    }
    run.#running = run.#work();
    return run;
  }

  get progress(): TransactionProgress {
    return { ...this.#counts, dropped: this.#schedule.dropped };
  }

  /** Why transactions failed or stayed unknown, most frequent first. */
  get failures(): ReasonCount[] {
    return [...this.#reasons.values()].toSorted((a, b) => b.count - a.count);
  }

  /** Waits until `n` more transactions were acknowledged. Rejects with LedgerTimeoutError, HistoryWriteError, or the signal's reason. */
  async waitForCommits(n: number, options: { timeoutMs: number; signal?: AbortSignal }): Promise<void> {
    const goal = this.#counts.ok + n;
    const startMs = performance.now();
    while (this.#counts.ok < goal) {
      options.signal?.throwIfAborted();
      if (this.#log?.failure !== undefined) throw this.#log.failure;
      const elapsedMs = performance.now() - startMs;
      if (elapsedMs >= options.timeoutMs || this.#stopped) {
        const { ok, failed, unknown } = this.#counts;
        const top = this.failures.slice(0, 3).map(({ reason, count }) => `${count} × ${reason}`);
        const state = [`${ok} acknowledged, ${failed} failed, ${unknown} unknown`, ...top].join('; ');
        throw new LedgerTimeoutError(`${n} more acknowledged transactions`, elapsedMs, state);
      }
      await sleep(POLL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }

  /** Begins no more transactions and waits for those that run, at most `timeoutMs` (default `opTimeoutMs`). Idempotent. */
  async stop(options: { timeoutMs?: number } = {}): Promise<void> {
    this.#stopping ??= this.#stop(options.timeoutMs ?? this.options.opTimeoutMs);
    await this.#stopping;
  }

  /**
   * Stops, ends every session that could still commit, checks that the right server is being read and that it takes writes,
   * and reads in one snapshot. Tries again while the cluster is settling. @throws LedgerError when time is up.
   */
  async readEnd<T>(
    read: (statement: Statement) => Promise<T>,
    options: { final: FinalReader; timeoutMs: number; signal?: AbortSignal | undefined },
  ): Promise<EndRead<T>> {
    await this.stop();
    const deadlineMs = performance.now() + options.timeoutMs;
    const timeout = AbortSignal.timeout(options.timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
    let reason: unknown;
    for (;;) {
      try {
        return await this.#readOnce(read, options.final, deadlineMs, signal);
      } catch (error) {
        options.signal?.throwIfAborted();
        // an attempt that only ran out of time says less than the one before
        if (reason === undefined || !timeout.aborted) reason = error;
        if (performance.now() + RETRY_MS >= deadlineMs) {
          const message = `the read at the end did not succeed within ${options.timeoutMs / 1000} s: ${errorReason(reason)}`;
          throw new LedgerError('LEDGER_FINAL_READ', message, { cause: reason });
        }
        await sleep(RETRY_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
      }
    }
  }

  /** Says that the tables are of no further use when `keepTables` is `on-failure`. */
  passed(): void {
    this.#keep = false;
  }

  /** Drops every connection and, depending on `keepTables`, the tables. Bounded. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.stop({ timeoutMs: 0 });
    const { keepTables } = this.options;
    if (keepTables === 'never' || (keepTables === 'on-failure' && !this.#keep))
      await this.#drop().catch(() => undefined);
    this.#log?.close();
  }

  async #open(): Promise<void> {
    const { options } = this;
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(options.startTimeoutMs)]);
    const session = await this.#session(signal);
    try {
      const facts = await session.facts(options.connectTimeoutMs);
      if (facts.inRecovery)
        throw new LedgerStartError(`${facts.server} is in recovery: the target must lead to the primary`);
      this.#learn(facts);
      for (const sql of [...this.#plan.createSql, `create table ${options.prefix}_end (n int not null)`]) {
        await session.query(sql, options.startTimeoutMs);
      }
    } finally {
      await session.close();
    }
    const context = {
      target: this.#target,
      options,
      signal: this.#abort.signal,
      onConnected: (process: number, facts: SessionFacts) => {
        this.#learn(facts);
        this.#plan.connected(process, facts);
      },
    };
    this.#clients = Array.from({ length: options.workers }, (_, worker) => new TransactionClient(worker, context));
    await Promise.all(this.#clients.map((client) => client.connect()));
  }

  /** A worker that throws is a defect of ours: the run goes on with the others and cannot pass. */
  async #work(): Promise<void> {
    for (const result of await Promise.allSettled(this.#clients.map((client) => this.#loop(client)))) {
      if (result.status === 'rejected') this.doubts.push(`a worker broke: ${errorReason(result.reason)}`);
    }
    if (this.#log?.failure !== undefined) this.doubts.push(this.#log.failure.message);
  }

  async #loop(client: TransactionClient): Promise<void> {
    let failures = 0;
    for (;;) {
      const due = await this.#schedule.next();
      if (due === undefined) break;
      try {
        await client.connect();
      } catch (error) {
        this.#counts.connectFailed++;
        this.#count(`not connected: ${errorReason(error)}`);
        await this.#pause(++failures);
        continue;
      }
      const { outcome, error } = await this.#plan.step(client);
      if (outcome === 'ok' || outcome === 'ok-weak') {
        this.#counts.ok++;
        failures = 0;
        continue;
      }
      this.#counts[outcome === 'info' ? 'unknown' : 'failed']++;
      this.#count(`${outcome}: ${errorReason(error)}`);
      // a transaction that lost against another one is no reason to wait
      if (outcome === 'info' || !conflict(error)) await this.#pause(++failures);
    }
    await client.close();
  }

  async #readOnce<T>(
    read: (statement: Statement) => Promise<T>,
    final: FinalReader,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<EndRead<T>> {
    const { applicationName, prefix } = this.options;
    const left = (): number => Math.max(1, deadlineMs - performance.now());
    const { unreachable } = await quiesce(final, applicationName, signal);
    const session = await this.#session(signal);
    try {
      const expected = { systemIdentifier: this.#systemIdentifier, highestTimeline: this.#highestTimeline };
      const before = await session.facts(left());
      assertRightServer(before, expected);
      await endSessions({ name: before.server, admin: adminOf(session, left) }, applicationName, signal);
      const mark = this.#marks++;
      const reply = await session.exchange({ text: `insert into ${prefix}_end values ($1)`, values: [mark] }, left());
      if (reply.completed !== 1 || reply.syncRepNotice) {
        throw new LedgerError('LEDGER_TOMBSTONE', `the last write was not acknowledged: ${errorReason(reply.error)}`);
      }
      await session.query('begin isolation level repeatable read read only', left());
      const marks = await session.query(`select 1 from ${prefix}_end where n = $1`, left(), [mark]);
      if (marks.length !== 1) throw new LedgerError('LEDGER_TOMBSTONE', 'the last write was not read');
      const value = await read((text, values) => session.query(text, left(), values));
      await session.query('commit', left());
      const after = await session.facts(left());
      assertRightServer(after, expected);
      if (after.timeline !== before.timeline) {
        throw new LedgerError('LEDGER_GUARD', `the timeline changed from ${before.timeline} to ${after.timeline}`);
      }
      return { value, server: before.server, timeline: before.timeline ?? 0, unreachable };
    } finally {
      await session.close();
    }
  }

  #session(signal: AbortSignal): Promise<Session> {
    const { applicationName, connectTimeoutMs } = this.options;
    return Session.open(this.#target, { applicationName: `${applicationName}-own`, connectTimeoutMs, signal });
  }

  #learn(facts: SessionFacts): void {
    this.#systemIdentifier ??= facts.systemIdentifier;
    this.#highestTimeline = Math.max(this.#highestTimeline, facts.timeline ?? 0);
  }

  #issueNoMore(): void {
    this.#stopped = true;
    this.#schedule.stop();
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#issueNoMore();
    const patience = new AbortController();
    const late = sleep(timeoutMs, 'late', { signal: patience.signal }).catch(() => undefined);
    if ((await Promise.race([this.#running, late])) === 'late') {
      this.#abort.abort();
      for (const client of this.#clients) client.abandon('stopped');
    }
    await this.#running;
    patience.abort();
  }

  async #pause(failures: number): Promise<void> {
    await sleep(backoffMs(failures), undefined, { signal: this.#abort.signal }).catch(() => undefined);
  }

  #count(reason: string): void {
    const key = this.#reasons.has(reason) || this.#reasons.size < MAX_REASONS ? reason : 'other reasons';
    const known = this.#reasons.get(key);
    if (known === undefined) this.#reasons.set(key, { reason: key, count: 1 });
    else known.count++;
  }

  async #drop(): Promise<void> {
    const session = await this.#session(AbortSignal.timeout(DROP_TIMEOUT_MS));
    try {
      const tables = [...this.#plan.tables, `${this.options.prefix}_end`];
      await session.query(`drop table if exists ${tables.join(', ')}`, DROP_TIMEOUT_MS);
    } finally {
      await session.close();
    }
  }
}

/** Serialization failures and deadlocks: what isolation levels are made of. */
function conflict(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === '40001' || error.code === '40P01');
}
