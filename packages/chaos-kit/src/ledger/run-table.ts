import { LedgerStartError, errorReason } from './errors.ts';
import { finalApplicationName } from './options.ts';
import type { ResolvedLedgerOptions } from './options.ts';
import type { RunRecord } from './run-record.ts';
import { Session } from './session.ts';
import { startObjection } from './start-objection.ts';
import { createTableSql } from './table.ts';
import type { LedgerTarget } from './target.ts';

const DROP_TIMEOUT_MS = 5000;

/** Checks the server and creates the table of the run. */
export async function createRunTable(
  target: LedgerTarget,
  options: ResolvedLedgerOptions,
  record: RunRecord,
  signal: AbortSignal,
): Promise<void> {
  const { applicationName, startTimeoutMs, table } = options;
  const session = await Session.open(target, { applicationName, connectTimeoutMs: startTimeoutMs, signal });
  try {
    const facts = await session.facts(startTimeoutMs);
    record.learnSettings(facts);
    const objection = startObjection(facts, options);
    if (objection !== undefined) throw objection;
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

/** Drops it, if it exists. */
export async function dropRunTable(target: LedgerTarget, options: ResolvedLedgerOptions): Promise<void> {
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
