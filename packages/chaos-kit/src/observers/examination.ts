import { setTimeout as sleep } from 'node:timers/promises';
import { LedgerError, errorReason } from '../ledger/errors.ts';
import { formatPosition, parsePosition } from '../ledger/lsn.ts';
import { Session } from '../ledger/session.ts';
import type { FinalInstance, FinalReader, InstanceAddress, LedgerTarget } from '../ledger/target.ts';
import { columnText } from '../ledger/target.ts';
import type { ObservationSink } from './observation-file.ts';
import type { Digest, ExaminationObservation } from './observation.ts';

/** What is examined. */
export interface ExaminationOptions {
  readonly target: LedgerTarget;
  readonly final: FinalReader;
  readonly table: string;
  readonly applicationName: string;
  readonly sink: ObservationSink;
  /** How long a standby may take to replay what the primary has, in ms. @default 15000 */
  readonly catchUpMs?: number | undefined;
  readonly signal: AbortSignal;
}

type Examined = ExaminationObservation['instances'][number];
type Comparison = Examined['comparison'];

/** Bounds in ms: connecting, and looking at all rows once. */
const CONNECT_MS = 3000;
const SCAN_MS = 60_000;
const POLL_MS = 100;

const PLANS = {
  sequential: { seqscan: 'on', indexscan: 'off', indexonlyscan: 'off', bitmapscan: 'off', hashagg: 'on', sort: 'on' },
  index: { seqscan: 'off', indexscan: 'on', indexonlyscan: 'off', bitmapscan: 'off', hashagg: 'off', sort: 'off' },
} as const;

const EXTENSION = 'amcheck';

/**
 * Looks at what every instance holds when a run is over: the rows of the table at the same position of the WAL, once by a
 * sequential scan and once by the index, and with amcheck at the structure of both. Never rejects: what could not be done is
 * in the observation.
 */
export async function examine(options: ExaminationOptions): Promise<void> {
  const { target, final, sink, catchUpMs = 15_000, signal } = options;
  const atMs = performance.now();
  const [addresses, admins] = await Promise.all([listed(target.instances?.(signal)), listed(final.instances(signal))]);
  const removeExtension = await createExtension(admins, signal);
  const open = await Promise.all(addresses.map((address) => connect(options, address)));
  try {
    const primaries = open.filter((it) => it.session !== undefined && it.recovering === false);
    const [primary] = primaries;
    const position = primaries.length === 1 && primary !== undefined ? await flushed(primary) : undefined;
    const instances = await Promise.all(
      open.map(async (it): Promise<Examined> => {
        const comparison = await compare(it, position, primaries.length, options.table, { catchUpMs, signal });
        const amcheck = await check(
          admins.find(({ name }) => name === it.name),
          options.table,
          signal,
        );
        return {
          name: it.name,
          ...(it.recovering === undefined ? {} : { recovering: it.recovering }),
          comparison,
          amcheck,
        };
      }),
    );
    sink.write({ kind: 'examination', atMs, ...(position === undefined ? {} : { position }), instances });
  } finally {
    for (const { session } of open) await session?.close();
    await removeExtension();
  }
}

interface Opened {
  readonly name: string;
  readonly session: Session | undefined;
  readonly recovering: boolean | undefined;
  readonly problem: string;
}

async function connect(o: ExaminationOptions, { name, host, port }: InstanceAddress): Promise<Opened> {
  const { tlsServerName: _, ...target } = o.target;
  const applicationName = `${o.applicationName}-look`;
  let session: Session | undefined;
  try {
    session = await Session.open(
      { ...target, resolveHost: async () => ({ host, port }) },
      { applicationName, connectTimeoutMs: CONNECT_MS, signal: o.signal },
    );
    const [row] = await session.query('select pg_is_in_recovery()', CONNECT_MS);
    return { name, session, recovering: row?.[0] === true, problem: '' };
  } catch (error) {
    session?.destroy('it broke');
    return { name, session: undefined, recovering: undefined, problem: errorReason(error) };
  }
}

async function flushed({ session }: Opened): Promise<number | undefined> {
  const rows = await session?.query('select pg_current_wal_flush_lsn()', CONNECT_MS).catch(() => undefined);
  return parsePosition(String(rows?.[0]?.[0]));
}

async function compare(
  { session, recovering, problem }: Opened,
  position: number | undefined,
  primaries: number,
  table: string,
  { catchUpMs, signal }: { catchUpMs: number; signal: AbortSignal },
): Promise<Comparison> {
  if (session === undefined) return { problem };
  if (position === undefined) return { problem: `${primaries} instances say that they are the primary` };
  try {
    const lsn =
      recovering === true ? await replayed(session, position, performance.now() + catchUpMs, signal) : position;
    if (lsn < position) {
      const where = `${formatPosition(lsn)} instead of ${formatPosition(position)}`;
      return { problem: `behind: after ${catchUpMs / 1000} s it has replayed up to ${where}` };
    }
    const sequential = await digest(session, table, 'sequential');
    const index = await digest(session, table, 'index').catch((error: unknown) => ({ problem: errorReason(error) }));
    return { lsn, sequential, index };
  } catch (error) {
    return { problem: errorReason(error) };
  }
}

/** Waits until a standby has replayed up to a position; returns how far it came. */
async function replayed(session: Session, position: number, deadlineMs: number, signal: AbortSignal): Promise<number> {
  for (;;) {
    const [row] = await session.query('select pg_last_wal_replay_lsn()', CONNECT_MS);
    const lsn = parsePosition(String(row?.[0])) ?? 0;
    if (lsn >= position || performance.now() > deadlineMs) return lsn;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Reads every row by one kind of scan. @throws LedgerError when the server would scan in another way. */
async function digest(session: Session, table: string, scan: keyof typeof PLANS): Promise<Digest> {
  const settings = Object.entries(PLANS[scan]).map(
    ([plan, value]) => `set_config('enable_${plan}', '${value}', false)`,
  );
  await session.query(`select ${settings.join(', ')}`, CONNECT_MS);
  const sql = `select writer, count(*)::int, min(seq), max(seq), sum(hashtextextended(payload, seq))::text from ${table} group by writer order by writer`;
  const plan = (await session.query(`explain ${sql}`, CONNECT_MS)).map(([text]) => String(text)).join('\n');
  if (!plan.includes(scan === 'index' ? 'Index Scan' : 'Seq Scan')) {
    throw new LedgerError('LEDGER_OBSERVER', `the server offers no ${scan} scan of ${table}`);
  }
  const rows = await session.query(sql, SCAN_MS);
  return rows.map(([writer, count, lowest, highest, hash]) => [
    Number(writer),
    Number(count),
    Number(lowest),
    Number(highest),
    String(hash),
  ]);
}

/** Creates amcheck where it is not there; returns what removes it again. Standbys get it from the primary. */
async function createExtension(instances: readonly FinalInstance[], signal: AbortSignal): Promise<() => Promise<void>> {
  for (const { database } of instances) {
    if (database === undefined) continue;
    try {
      const state = `select pg_is_in_recovery()::text as recovering, (select count(*) from pg_extension where extname = '${EXTENSION}')::text as known`;
      const [row] = await database.query(state, signal);
      if (columnText(row, 'recovering') === 'true') continue;
      if (columnText(row, 'known') !== '0') return async () => {};
      await database.command(`create extension ${EXTENSION}`, signal);
      const limit = (): AbortSignal => AbortSignal.timeout(CONNECT_MS);
      return async () => database.command(`drop extension if exists ${EXTENSION}`, limit()).catch(() => undefined);
    } catch {
      // each instance tells why it cannot be looked at
    }
  }
  return async () => {};
}

async function check(
  instance: FinalInstance | undefined,
  table: string,
  signal: AbortSignal,
): Promise<Examined['amcheck']> {
  const database = instance?.database;
  if (database === undefined) return { problem: NO_SUPERUSER };
  const complaints: string[] = [];
  let objects = 0;
  const look = async (sql: string, complains: (row: Record<string, unknown>) => string | undefined): Promise<void> => {
    try {
      for (const row of await database.query(sql, AbortSignal.any([signal, AbortSignal.timeout(SCAN_MS)]))) {
        objects++;
        const complaint = complains(row);
        if (complaint !== undefined) complaints.push(complaint);
      }
    } catch (error) {
      const corruption = corruptionOf(error);
      if (corruption === undefined) throw error;
      objects++;
      complaints.push(corruption);
    }
  };
  try {
    const btrees = `from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam and a.amname = 'btree' where i.indisready and i.indisvalid and c.relpersistence = 'p'`;
    const one = (row: Record<string, unknown>): undefined => void row;
    await look(
      `select c.relname, bt_index_check(c.oid, true)::text as done ${btrees} and i.indrelid = '${table}'::regclass`,
      one,
    );
    await look(
      `select c.relname, bt_index_check(c.oid, false)::text as done ${btrees} and c.relnamespace = 'pg_catalog'::regnamespace`,
      one,
    );
    const before = objects;
    await look(
      `select blkno::text, offnum::text, msg from verify_heapam('${table}')`,
      (row) => `${table} block ${columnText(row, 'blkno')} row ${columnText(row, 'offnum')}: ${columnText(row, 'msg')}`,
    );
    return { objects: before + 1, complaints };
  } catch (error) {
    return complaints.length > 0 ? { objects, complaints } : { problem: errorReason(error) };
  }
}

/** Why an instance cannot be looked at with amcheck when there is no way in. */
export const NO_SUPERUSER = 'no superuser could be asked';

/** The text of an error by which a server says that its data is damaged (class XX). */
export function corruptionOf(error: unknown): string | undefined {
  const text = errorReason(error);
  return /\bXX00[12]\b/.test(text) ? text : undefined;
}

/** A list that cannot be had is an empty one. */
async function listed<T>(list: Promise<readonly T[]> | undefined): Promise<readonly T[]> {
  try {
    return (await list) ?? [];
  } catch {
    return [];
  }
}
