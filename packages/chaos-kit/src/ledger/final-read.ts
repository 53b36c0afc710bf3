import { setTimeout as sleep } from 'node:timers/promises';
import { CopyOut } from './copy-out.ts';
import { LedgerError, errorReason } from './errors.ts';
import { RowsWriter } from './history/rows-file.ts';
import type { ReadFacts } from './history/rows-file.ts';
import type { ResolvedLedgerOptions } from './options.ts';
import type { Payloads } from './payload.ts';
import type { RunRecord } from './run-record.ts';
import { Session } from './session.ts';
import type { SessionFacts } from './session.ts';
import { TOMBSTONE_WRITER, copySql, insertSql } from './table.ts';
import { Tally } from './tally.ts';
import { columnText } from './target.ts';
import type { FinalInstance, FinalReader, LedgerTarget } from './target.ts';
import { readForks } from './timeline-forks.ts';

/** A complete read of the table from the primary, after everything that could still commit was ended. */
export interface FinalRead extends ReadFacts {
  readonly tally: Tally;
  /** Why its rows could not be stored, when they were to be. */
  readonly notStored?: string | undefined;
}

/** What a final read needs to know of its run. */
export interface FinalReadContext {
  readonly target: LedgerTarget;
  readonly final: FinalReader;
  readonly options: ResolvedLedgerOptions;
  readonly record: RunRecord;
  readonly payloads: Payloads;
  /** Directory of the history, in which the rows are kept too. */
  readonly historyDir: string | undefined;
  /** Bound of the whole, retries included, in ms. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const RETRY_MS = 500;
const ADMIN_TIMEOUT_MS = 10_000;

/**
 * Quiesces, checks that the right server is being read, proves by an acknowledged tombstone that it takes writes, and reads
 * every row. Tries again while the cluster is still settling; rejects with the last reason when time is up, and then nothing
 * may be concluded from the run.
 */
export async function readFinal(context: FinalReadContext): Promise<FinalRead> {
  const deadlineMs = performance.now() + context.timeoutMs;
  const timeout = AbortSignal.timeout(context.timeoutMs);
  const signal = AbortSignal.any([context.signal, timeout]);
  let reason: unknown;
  for (;;) {
    try {
      return await attempt(context, deadlineMs, signal);
    } catch (error) {
      context.signal.throwIfAborted();
      // an attempt that only ran out of time says less than the one before
      if (reason === undefined || !timeout.aborted) reason = error;
      if (performance.now() + RETRY_MS >= deadlineMs) {
        const message = `the final read did not succeed within ${context.timeoutMs / 1000} s: ${errorReason(reason)}`;
        throw new LedgerError('LEDGER_FINAL_READ', message, { cause: reason });
      }
      await sleep(RETRY_MS, undefined, { signal: context.signal });
    }
  }
}

async function attempt(context: FinalReadContext, deadlineMs: number, signal: AbortSignal): Promise<FinalRead> {
  const { target, final, options, record, payloads } = context;
  const { connectTimeoutMs, table } = options;
  const left = (): number => Math.max(1, deadlineMs - performance.now());
  const unreachable: string[] = [];
  const writable: FinalInstance[] = [];
  let terminated = 0;
  await Promise.all(
    (await final.instances(signal)).map(async (instance) => {
      try {
        terminated += await endSessions(instance, options, signal);
        if (await acceptsWrites(instance, signal)) writable.push(instance);
      } catch (error) {
        unreachable.push(`${instance.name}: ${errorReason(error)}`);
      }
    }),
  );
  if (writable.length > 1) {
    const names = writable.map(({ name }) => name).toSorted();
    throw new LedgerError('LEDGER_GUARD', `${names.join(' and ')} all accept writes: which to believe?`);
  }

  const applicationName = finalApplicationName(options);
  const session = await Session.open(target, { applicationName, connectTimeoutMs, signal });
  try {
    const before = await session.facts(Math.min(left(), options.opTimeoutMs));
    assertRightServer(before, record);
    terminated += await endSessions({ name: before.server, admin: adminOf(session, left) }, options, signal);

    const tombstoneSeq = record.nextTombstone();
    const values = [TOMBSTONE_WRITER, tombstoneSeq, 0, 'tombstone'];
    const reply = await session.exchange({ text: insertSql(table), values }, Math.min(left(), options.opTimeoutMs));
    if (reply.completed !== 1 || reply.syncRepNotice) {
      throw new LedgerError('LEDGER_TOMBSTONE', `the tombstone was not acknowledged: ${errorReason(reply.error)}`);
    }

    const tally = new Tally(record, payloads, tombstoneSeq);
    using rows = context.historyDir === undefined ? undefined : new RowsWriter(context.historyDir);
    const keep = rows === undefined ? undefined : rows.row.bind(rows);
    await session.query('begin isolation level repeatable read read only', left());
    const copy = new CopyOut(copySql(table), (line) => tally.row(line, keep));
    session.submit(copy);
    const timer = setTimeout(() => session.destroy('final read out of time'), left());
    await copy.done.finally(() => clearTimeout(timer));
    await session.query('commit', left());
    if (tally.tombstones !== 1) {
      throw new LedgerError('LEDGER_TOMBSTONE', `the tombstone was read ${tally.tombstones} times instead of once`);
    }
    const after = await session.facts(left());
    assertRightServer(after, record);
    if (after.timeline !== before.timeline) {
      throw new LedgerError(
        'LEDGER_GUARD',
        `the timeline changed from ${before.timeline} to ${after.timeline} during the read`,
      );
    }
    const { server, timeline = 0 } = before;
    const forks = await readForks(writable[0]?.admin, timeline, signal);
    const facts = { table, server, timeline, unreachable, terminated, forks };
    rows?.commit(facts);
    return { ...facts, tally, notStored: rows?.problem };
  } finally {
    await session.close();
  }
}

/** Refuses a standby, an older timeline than one that acknowledged, and another database system. */
function assertRightServer(facts: SessionFacts, record: RunRecord): void {
  const refuse = (message: string): never => {
    throw new LedgerError('LEDGER_GUARD', `${facts.server} may not be read: ${message}`);
  };
  if (facts.inRecovery) refuse('it is in recovery, so it is not the primary');
  if (facts.systemIdentifier !== record.systemIdentifier) {
    refuse(`its system identifier is ${facts.systemIdentifier}, the run began with ${record.systemIdentifier}`);
  }
  if ((facts.timeline ?? 0) < record.highestTimeline) {
    refuse(`it is on timeline ${facts.timeline}, but timeline ${record.highestTimeline} has acknowledged writes`);
  }
}

/** Ends every session of the run on an instance, since one that nobody listens to any more could still commit. Returns how many there were. */
async function endSessions(
  instance: FinalInstance,
  options: ResolvedLedgerOptions,
  signal: AbortSignal,
): Promise<number> {
  const names = `'${options.applicationName}'`;
  const sql = `select pid::text as pid, pg_terminate_backend(pid)::text as ended from pg_stat_activity where application_name = ${names} and pid <> pg_backend_pid()`;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ADMIN_TIMEOUT_MS)]);
  const pids = new Set<string>();
  for (;;) {
    const rows = await instance.admin(sql, limit);
    if (rows.length === 0) return pids.size;
    for (const row of rows) pids.add(columnText(row, 'pid') ?? '?');
    await sleep(100, undefined, { signal: limit });
  }
}

async function acceptsWrites(instance: FinalInstance, signal: AbortSignal): Promise<boolean> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ADMIN_TIMEOUT_MS)]);
  const [row] = await instance.admin('select pg_is_in_recovery()::text as recovering', limit);
  return columnText(row, 'recovering') === 'false';
}

/** The sessions of a role may be seen and ended by that role, so the primary can be quiesced through the target itself. */
function adminOf(session: Session, left: () => number): FinalInstance['admin'] {
  return async (sql) => (await session.query(sql, left())).map(([pid, ended]) => ({ pid, ended }));
}

/** Name of the reading session: not one of those that it ends. */
export function finalApplicationName(options: ResolvedLedgerOptions): string {
  return `${options.applicationName}-final`;
}
