import { randomBytes } from 'node:crypto';
import { LedgerOptionError } from '../errors.ts';
import { ISOLATION_LEVELS } from './isolation.ts';
import type { IsolationLevel } from './isolation.ts';

/** Options that every workload of transactions has. All are optional but the seed. */
export interface TransactionOptions {
  /** Level at which transactions run. Default `serializable`. */
  isolation?: IsolationLevel | undefined;
  /** Level that they are held to. Default: the same. */
  expected?: IsolationLevel | undefined;
  /** Connections, 1 to 64. Default 8. */
  workers?: number | undefined;
  /** Transactions per second over all workers (open loop), 1 to 10 000, or `closed` for as fast as answers come. Default 100. */
  rate?: number | 'closed' | undefined;
  /** After how long a statement without an answer is given up by destroying its socket, in ms, 100 to 600 000. Default 10 000. */
  opTimeoutMs?: number | undefined;
  /** Bound of connecting and authenticating, in ms, 100 to 60 000. Default 2 000. */
  connectTimeoutMs?: number | undefined;
  /** How long a due transaction may wait for a free worker before it is dropped, in ms, 1 000 to 600 000. Default 30 000. */
  maxBacklogMs?: number | undefined;
  /** Bound of connecting and creating the tables at start, in ms, 1 000 to 600 000. Default 30 000. */
  startTimeoutMs?: number | undefined;
  /** When the tables are dropped at disposal. Default `on-failure`: kept unless a verification passed. */
  keepTables?: 'always' | 'on-failure' | 'never' | undefined;
  /** File to keep the history in; must not exist. Default: none is kept. */
  historyFile?: string | undefined;
  /** Facts to keep with the history as they are. Must survive JSON. */
  about?: Record<string, unknown> | undefined;
  /** Seed of what the transactions do. An integer of 32 bits. */
  seed: number;
  /** Fires when the run must end. */
  signal?: AbortSignal | undefined;
}

/** Common options with every default filled in. */
export interface ResolvedTransactionOptions {
  readonly isolation: IsolationLevel;
  readonly expected: IsolationLevel;
  readonly workers: number;
  readonly rate: number | 'closed';
  readonly opTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxBacklogMs: number;
  readonly startTimeoutMs: number;
  readonly keepTables: 'always' | 'on-failure' | 'never';
  readonly seed: number;
  /** What the names of this run's tables begin with. */
  readonly prefix: string;
  /** Name of this run's sessions in `pg_stat_activity`. */
  readonly applicationName: string;
}

/** An integer within bounds, or the default. @throws LedgerOptionError */
export function wholeNumber(
  option: string,
  value: number | undefined,
  fallback: number,
  low: number,
  high: number,
): number {
  const v = value ?? fallback;
  if (!Number.isInteger(v) || v < low || v > high)
    throw new LedgerOptionError(option, v, `an integer from ${low} to ${high}`);
  return v;
}

/** Checks the common options and fills in defaults; throws LedgerOptionError that names the first wrong one. */
export function resolveTransactionOptions(
  workload: 'bank' | 'append',
  options: TransactionOptions,
): ResolvedTransactionOptions {
  const { isolation = 'serializable', rate = 100 } = options;
  const { expected = isolation } = options;
  for (const [name, level] of [
    ['isolation', isolation],
    ['expected', expected],
  ] as const) {
    if (!ISOLATION_LEVELS.includes(level)) throw new LedgerOptionError(name, level, ISOLATION_LEVELS.join(', '));
  }
  if (rate !== 'closed' && !(rate >= 1 && rate <= 10_000)) {
    throw new LedgerOptionError('rate', rate, 'from 1 to 10000 transactions per second, or "closed"');
  }
  const run = `${Date.now().toString(36)}_${randomBytes(4).toString('hex')}`;
  return {
    isolation,
    expected,
    workers: wholeNumber('workers', options.workers, 8, 1, 64),
    rate,
    opTimeoutMs: wholeNumber('opTimeoutMs', options.opTimeoutMs, 10_000, 100, 600_000),
    connectTimeoutMs: wholeNumber('connectTimeoutMs', options.connectTimeoutMs, 2000, 100, 60_000),
    maxBacklogMs: wholeNumber('maxBacklogMs', options.maxBacklogMs, 30_000, 1000, 600_000),
    startTimeoutMs: wholeNumber('startTimeoutMs', options.startTimeoutMs, 30_000, 1000, 600_000),
    keepTables: options.keepTables ?? 'on-failure',
    seed: wholeNumber('seed', options.seed, 0, -(2 ** 31), 2 ** 32 - 1),
    prefix: `chaos_${workload}_${run}`,
    applicationName: `chaos-${workload}-${run}`,
  };
}
