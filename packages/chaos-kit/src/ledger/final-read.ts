import { setTimeout as sleep } from 'node:timers/promises';
import { corruptionOf } from '../observers/examination.ts';
import { CopyOut } from './copy-out.ts';
import { LedgerError, errorReason } from './errors.ts';
import { adminOf, assertRightServer, endSessions, quiesce } from './final-guard.ts';
import { HistoryError } from './history/history-error.ts';
import { RowsWriter, readRows } from './history/rows-file.ts';
import type { ReadFacts } from './history/rows-file.ts';
import { finalApplicationName } from './options.ts';
import type { ResolvedLedgerOptions } from './options.ts';
import type { Payloads } from './payload.ts';
import { RowLines } from './row-lines.ts';
import type { RunRecord } from './run-record.ts';
import { Session } from './session.ts';
import { TOMBSTONE_WRITER, copySql, insertSql } from './table.ts';
import { Tally } from './tally.ts';
import type { FinalReader, LedgerTarget } from './target.ts';
import { readForks } from './timeline-forks.ts';

/** A complete read of the table from the primary, after everything that could still commit was ended. */
export interface FinalRead extends ReadFacts {
  readonly tally: Tally;
  /** Why its rows could not be stored, when they were to be. */
  readonly notStored?: string | undefined;
}

/** The history of a run, which may still be being read when the table is. */
export interface FinalHistory {
  /** Of the server that the first session of the run met. */
  readonly systemIdentifier: string | undefined;
  /** Absent until the history was read to its end. */
  readonly record: RunRecord | undefined;
  /** Rejects with HistoryError when the history is damaged. */
  readonly whole: Promise<{ readonly record: RunRecord }>;
  /** Number of a tombstone that was not used before. */
  nextTombstone(): number;
}

/** What a final read needs to know of its run. */
export interface FinalReadContext {
  readonly target: LedgerTarget;
  readonly final: FinalReader;
  readonly options: ResolvedLedgerOptions;
  readonly history: FinalHistory;
  readonly payloads: Payloads;
  /** Directory of the history, in which the rows are kept too. */
  readonly historyDir: string;
  /** How far times of writers and of observers may be apart, in ms. */
  readonly clockUncertaintyMs?: number | undefined;
  /** Bound of the whole, retries included, in ms. */
  readonly timeoutMs: number;
  /** How long a standby may take to catch up before it is compared, in ms. */
  readonly catchUpMs?: number | undefined;
  readonly signal: AbortSignal;
}

const RETRY_MS = 500;

/**
 * Quiesces, checks that the right server is being read, proves by an acknowledged tombstone that it takes writes, and reads
 * every row. Rows are counted as they arrive when the history is known by then, otherwise from the file that they are kept
 * in. Tries again while the cluster is still settling; rejects with the last reason when time is up, and then nothing may be
 * concluded from the run. @throws HistoryError at once when the history is damaged.
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
      // no patience mends a damaged page
      if (corruptionOf(error) !== undefined || error instanceof HistoryError) throw error;
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
  const { target, final, options, history, historyDir, payloads } = context;
  const { connectTimeoutMs, table } = options;
  const left = (): number => Math.max(1, deadlineMs - performance.now());
  const { writable, unreachable, ended } = await quiesce(final, options.applicationName, signal);
  let terminated = ended;
  const applicationName = finalApplicationName(options);
  const session = await Session.open(target, { applicationName, connectTimeoutMs, signal });
  try {
    const before = await session.facts(Math.min(left(), options.opTimeoutMs));
    // what is not yet known of the history is looked at when it is, before anything is concluded
    assertRightServer(before, history.record ?? { systemIdentifier: history.systemIdentifier, highestTimeline: 0 });
    terminated += await endSessions(
      { name: before.server, admin: adminOf(session, left) },
      options.applicationName,
      signal,
    );

    const tombstoneSeq = history.nextTombstone();
    const values = [TOMBSTONE_WRITER, tombstoneSeq, 0, 'tombstone'];
    const reply = await session.exchange({ text: insertSql(table), values }, Math.min(left(), options.opTimeoutMs));
    if (reply.completed !== 1 || reply.syncRepNotice) {
      throw new LedgerError('LEDGER_TOMBSTONE', `the tombstone was not acknowledged: ${errorReason(reply.error)}`);
    }

    using rows = new RowsWriter(historyDir);
    const known = history.record ?? (rows.problem === undefined ? undefined : (await history.whole).record);
    const tally = known === undefined ? undefined : new Tally(known);
    const lines = new RowLines(payloads, tombstoneSeq, (writer, seq, changed) => {
      rows.row(writer, seq, changed);
      tally?.add(writer, seq, changed);
    });
    await session.query('begin isolation level repeatable read read only', left());
    const copy = new CopyOut(copySql(table), (bytes, start, end) => lines.take(bytes, start, end));
    session.submit(copy);
    const timer = setTimeout(() => session.destroy('final read out of time'), left());
    await copy.done.finally(() => clearTimeout(timer));
    await session.query('commit', left());
    if (lines.tombstones !== 1) {
      throw new LedgerError('LEDGER_TOMBSTONE', `the tombstone was read ${lines.tombstones} times instead of once`);
    }
    const { record } = await history.whole;
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
    rows.commit(facts);
    return { ...facts, tally: tally ?? tallyOfFile(historyDir, rows, record), notStored: rows.problem };
  } finally {
    await session.close();
  }
}

/** Counts rows that came before there was anything to count them against. */
function tallyOfFile(dir: string, rows: RowsWriter, record: RunRecord): Tally {
  // the next attempt does without, since the history is known now
  if (rows.problem !== undefined) throw new LedgerError('LEDGER_FINAL_READ', `rows could not be kept: ${rows.problem}`);
  const tally = new Tally(record);
  readRows(dir, (writer, seq, changed) => tally.add(writer, seq, changed));
  return tally;
}
