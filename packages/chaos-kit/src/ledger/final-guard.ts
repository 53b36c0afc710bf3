import { setTimeout as sleep } from 'node:timers/promises';
import { LedgerError, errorReason } from './errors.ts';
import type { Session, SessionFacts } from './session.ts';
import { columnText } from './target.ts';
import type { FinalInstance, FinalReader } from './target.ts';

const ADMIN_TIMEOUT_MS = 10_000;

/** A cluster in which no session of a run is left that could still commit. */
export interface Quiesced {
  /** The instance that accepts writes, if it could be reached. */
  readonly writable: readonly FinalInstance[];
  /** Instances that could not be asked, with the reason. */
  readonly unreachable: readonly string[];
  /** How many sessions were ended. */
  readonly ended: number;
}

/** Ends every session of an application on every instance. @throws LedgerError `LEDGER_GUARD` when several instances accept writes. */
export async function quiesce(final: FinalReader, applicationName: string, signal: AbortSignal): Promise<Quiesced> {
  const unreachable: string[] = [];
  const writable: FinalInstance[] = [];
  let ended = 0;
  await Promise.all(
    (await final.instances(signal)).map(async (instance) => {
      try {
        ended += await endSessions(instance, applicationName, signal);
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
  return { writable, unreachable, ended };
}

/** Refuses a standby, an older timeline than one that acknowledged, and another database system. */
export function assertRightServer(
  facts: SessionFacts,
  record: { readonly systemIdentifier: string | undefined; readonly highestTimeline: number },
): void {
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
export async function endSessions(
  instance: FinalInstance,
  applicationName: string,
  signal: AbortSignal,
): Promise<number> {
  const names = `'${applicationName}'`;
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
export function adminOf(session: Session, left: () => number): FinalInstance['admin'] {
  return async (sql) => (await session.query(sql, left())).map(([pid, ended]) => ({ pid, ended }));
}
