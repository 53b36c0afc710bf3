import { randomBytes } from 'node:crypto';
import { LedgerOptionError } from './errors.ts';
import type { WriterPlace } from './process/link.ts';

/**
 * Shapes of the workload, as defaults of `writers`, `rate` and `batch`.
 * - `steady`: what users do; latency reflects the cluster, and an outage shows in it.
 * - `stress`: as fast as answers come; shows capacity, hides the length of an outage.
 * - `volume`: much data soon, 100 rows per statement.
 */
export const WORKLOADS = {
  steady: { writers: 32, rate: 1000, batch: 1 },
  stress: { writers: 64, rate: 'closed', batch: 1 },
  volume: { writers: 4, rate: 'closed', batch: 100 },
} as const;

/** Options of a ledger. All are optional but the seed. */
export interface LedgerOptions {
  /** Shape of the workload. Default `steady`. */
  workload?: keyof typeof WORKLOADS | undefined;
  /** Connections that write, 1 to 256. Default 32, by the workload. */
  writers?: number | undefined;
  /** Statements per second over all writers (open loop), 1 to 100 000, or `closed` for as fast as answers come. Default 1 000, by the workload. */
  rate?: number | 'closed' | undefined;
  /** Writes per statement, 1 to 1 000; a statement of several is written as a whole or not at all. Default 1, by the workload. */
  batch?: number | undefined;
  /** Characters of payload per row, 1 to 65 536. Default 16. */
  payloadBytes?: number | undefined;
  /** Name of the table to create; it must not exist. Default: unique per run. */
  table?: string | undefined;
  /** When the table is dropped at disposal. Default `on-failure`: kept unless a verification found nothing wrong. */
  keepTable?: 'always' | 'on-failure' | 'never' | undefined;
  /** The profile promises synchronous replication: `start` rejects with LedgerDurabilityError when the server does not give it. Default false. */
  expectSync?: boolean | undefined;
  /** After how long a write without an answer is given up by destroying its socket, in ms, 100 to 600 000. Default 10 000. */
  opTimeoutMs?: number | undefined;
  /** Bound of connecting and authenticating once the run has begun, in ms, 100 to 60 000. Default 2 000. */
  connectTimeoutMs?: number | undefined;
  /** How long a due write may wait for a free writer before it is dropped, in ms, 1 000 to 600 000. Default 30 000. */
  maxBacklogMs?: number | undefined;
  /** How many sessions of ours may exist on a server, abandoned ones included, 1 to 10 000. Default 2 × writers + 8, and never more than four fifths of what the server gives to ordinary roles. */
  maxSessions?: number | undefined;
  /** Bound of connecting and creating the table at start, in ms, 1 000 to 600 000. Default 30 000. */
  startTimeoutMs?: number | undefined;
  /** Directory to keep the run in, so that it can be verified later; made when it is missing, must not hold another run. Default: a temporary one that goes with the ledger. */
  historyDir?: string | undefined;
  /** Whether readers and a prober look while it writes. Default: yes, when the history is kept and the target knows its instances. */
  observe?: boolean | undefined;
  /** Facts to keep with the history as they are, such as the specification of the cluster. Must survive JSON. */
  about?: Record<string, unknown> | undefined;
  /** Where the writers run. Default: a process on this machine. */
  place?: WriterPlace | undefined;
  /** Seed of the payloads: the same seed makes the same rows. An integer of 32 bits. */
  seed: number;
}

/** Options with every default filled in. */
export interface ResolvedLedgerOptions {
  readonly writers: number;
  readonly rate: number | 'closed';
  readonly batch: number;
  readonly payloadBytes: number;
  readonly table: string;
  readonly keepTable: 'always' | 'on-failure' | 'never';
  readonly expectSync: boolean;
  readonly opTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxBacklogMs: number;
  readonly maxSessions: number;
  readonly startTimeoutMs: number;
  readonly seed: number;
  /** Name of this run's sessions in `pg_stat_activity`. */
  readonly applicationName: string;
}

function bounded(option: string, value: number | undefined, fallback: number, low: number, high: number): number {
  const v = value ?? fallback;
  if (!Number.isInteger(v) || v < low || v > high) {
    throw new LedgerOptionError(option, v, `an integer from ${low} to ${high}`);
  }
  return v;
}

function survivesJson(value: unknown): boolean {
  try {
    return value === undefined || typeof JSON.stringify(value) === 'string';
  } catch {
    return false;
  }
}

/** Checks the options and fills in defaults; throws LedgerOptionError that names the first wrong one. */
export function resolveLedgerOptions(options: LedgerOptions): ResolvedLedgerOptions {
  const run = `${Date.now().toString(36)}_${randomBytes(4).toString('hex')}`;
  const table = options.table ?? `chaos_ledger_${run}`;
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(table)) {
    throw new LedgerOptionError('table', table, 'lower-case letters, digits and underscores, at most 63');
  }
  if (!survivesJson(options.about)) throw new LedgerOptionError('about', options.about, 'what JSON can hold');
  const { workload = 'steady' } = options;
  if (!Object.hasOwn(WORKLOADS, workload)) {
    throw new LedgerOptionError('workload', workload, Object.keys(WORKLOADS).join(' or '));
  }
  const shape = WORKLOADS[workload];
  const writers = bounded('writers', options.writers, shape.writers, 1, 256);
  const { rate = shape.rate } = options;
  if (rate !== 'closed' && !(rate >= 1 && rate <= 100_000)) {
    throw new LedgerOptionError('rate', rate, 'from 1 to 100000 writes per second, or "closed"');
  }
  return {
    writers,
    rate,
    batch: bounded('batch', options.batch, shape.batch, 1, 1000),
    payloadBytes: bounded('payloadBytes', options.payloadBytes, 16, 1, 65_536),
    table,
    keepTable: options.keepTable ?? 'on-failure',
    expectSync: options.expectSync ?? false,
    opTimeoutMs: bounded('opTimeoutMs', options.opTimeoutMs, 10_000, 100, 600_000),
    connectTimeoutMs: bounded('connectTimeoutMs', options.connectTimeoutMs, 2000, 100, 60_000),
    maxBacklogMs: bounded('maxBacklogMs', options.maxBacklogMs, 30_000, 1000, 600_000),
    maxSessions: bounded('maxSessions', options.maxSessions, 2 * writers + 8, 1, 10_000),
    startTimeoutMs: bounded('startTimeoutMs', options.startTimeoutMs, 30_000, 1000, 600_000),
    seed: bounded('seed', options.seed, 0, -(2 ** 31), 2 ** 32 - 1),
    applicationName: `chaos-ledger-${run}`,
  };
}

/** Name of the session of the final read: not one of those that it ends. */
export function finalApplicationName(options: ResolvedLedgerOptions): string {
  return `${options.applicationName}-final`;
}
