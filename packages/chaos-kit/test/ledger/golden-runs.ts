import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { eachRecord } from '../../src/ledger/history/cat.ts';
import { HISTORY_FORMAT } from '../../src/ledger/history/format.ts';
import { HistoryWriter } from '../../src/ledger/history/history-writer.ts';
import { RowsWriter } from '../../src/ledger/history/rows-file.ts';
import type { TimelineForks } from '../../src/ledger/history/rows-file.ts';
import { ObservationWriter } from '../../src/observers/observation-file.ts';
import type {
  Digest,
  ExaminationObservation,
  Observation,
  ProbeObservation,
  ReadObservation,
} from '../../src/observers/observation.ts';
import { resolveLedgerOptions } from '../../src/ledger/options.ts';
import { RunRecord } from '../../src/ledger/run-record.ts';
import type { SessionFacts } from '../../src/ledger/session.ts';
import type { LedgerCounts, LedgerVerdict } from '../../src/ledger/verdict.ts';

const SEED = 4;
const WRITERS = 3;
const WRITES = 20;
const TABLE = 'chaos_ledger_golden';
const STEP_MS = 2;
const SERVERS = { 1: '10.0.0.1:5432', 2: '10.0.0.2:5432' } as const;
/** WAL position before the first write, bytes between two, and where timeline 1 is left in the runs that fail over. */
const LSN = { first: 0x3000000, step: 176, fork: 0x3000000 + 40 * 176 } as const;

const FACTS: SessionFacts = {
  synchronousCommit: 'on',
  synchronousStandbyNames: 'ANY 1 ("s1","s2")',
  fsync: 'on',
  durabilityHash: 11,
  serverVersion: 180_000,
  inRecovery: false,
  timeline: 1,
  server: SERVERS[1],
  systemIdentifier: '7300000000000000001',
  ownSessions: 1,
};

/** What a write became; the default is `ok` by the first server. */
interface Fate {
  readonly outcome?: 'ok' | 'ok-weak' | 'fail' | 'info' | 'pending';
  readonly timeline?: 1 | 2;
  /** How many copies the final read finds. Default: 1 for acknowledged writes, 0 for others. */
  readonly copies?: number;
  readonly changed?: boolean;
  /** What the client got instead of an acknowledgement. */
  readonly error?: Error;
}

interface Row {
  readonly writer: number;
  readonly seq: number;
  readonly changed?: boolean;
}

/** A small run, as data: what became of write number `seq` of `writer`, and what else is in the table. */
interface GoldenRun {
  readonly about: string;
  /** Writes per statement; default 1. The outcome of a statement is that of its first write. */
  readonly batch?: number;
  readonly fate?: (writer: number, seq: number) => Fate;
  readonly strangers?: readonly Row[];
  readonly forks?: TimelineForks;
  /** What observers saw. */
  readonly observed?: readonly Observation[];
  /** Changes the finished directory; the history of a killed process is not closed. */
  readonly end?: 'closed' | 'killed' | 'no-read';
  readonly damage?: (dir: string) => void;
  /** What every checker must say of it. */
  readonly expect: GoldenExpectation;
}

interface GoldenExpectation {
  readonly verdict: LedgerVerdict;
  readonly integrity: LedgerVerdict;
  readonly counts: Partial<LedgerCounts>;
  /** Verdict and count of each checker that has something to say. */
  readonly checks?: Readonly<Record<string, readonly [verdict: string, count: number]>>;
}

const all = WRITERS * WRITES;
const clean: Partial<LedgerCounts> = {
  attempted: all,
  acknowledged: all,
  rows: all,
  present: all,
  unknown: 0,
  failed: 0,
  lost: 0,
  lostWeak: 0,
  unexpected: 0,
  duplicated: 0,
  corrupted: 0,
  phantomFail: 0,
  recovered: 0,
};
/** Number of a write in the order of the run. */
const order = (writer: number, seq: number): number => seq * WRITERS + writer;
const failover = (writer: number, seq: number): 1 | 2 => (order(writer, seq) < 40 ? 1 : 2);
const forkAt40: TimelineForks = [{ timeline: 1, lsn: LSN.fork, reason: 'no recovery target specified' }];
const pass = ['pass', 0] as const;
const unknown = ['unknown', 0] as const;

/** When a write is sent, by its number in the order of the run. */
const at = (write: number): number => 1000 + write * STEP_MS;
const READ_ONLY = Object.assign(new Error('cannot execute INSERT in a read-only transaction'), { code: '25006' });

/** A read at the time of a write that finds all rows of every writer up to a number. */
function read(write: number, highest: number, more: Partial<ReadObservation> = {}): ReadObservation {
  const { timeline = 1 } = more;
  return {
    kind: 'read',
    from: 'rw',
    session: timeline,
    openedMs: 1000,
    startMs: at(write),
    endMs: at(write) + 1,
    server: timeline === 2 ? SERVERS[2] : SERVERS[1],
    postmaster: '2026-01-01 00:00:00+00',
    recovering: false,
    timeline,
    above: [-1, -1, -1],
    runs: [
      [0, 0, highest],
      [1, 0, highest],
      [2, 0, highest],
    ],
    ...more,
  };
}

const replica = { from: 'ro', recovering: true, server: '10.0.0.3:5432' } as const;

/** What an instance says of itself at the time of a write. */
function probe(instance: string, write: number, more: Partial<ProbeObservation> = {}): ProbeObservation {
  return {
    kind: 'probe',
    instance,
    session: instance === 'p' ? 3 : 4,
    startMs: at(write),
    endMs: at(write) + 1,
    server: instance === 'p' ? SERVERS[1] : SERVERS[2],
    postmaster: '2026-01-01 00:00:00+00',
    recovering: false,
    readOnly: false,
    timeline: 1,
    lsn: LSN.first + write * LSN.step,
    synchronousCommit: 'on',
    synchronousStandbyNames: 'ANY 1 ("s1","s2")',
    ...more,
  };
}

/** What every instance holds at the end. One may differ by a row, or have an index that amcheck complains of. */
function examination(
  names: readonly string[],
  odd: { readonly differs?: string; readonly complains?: string } = {},
): ExaminationObservation {
  const same: Digest = [0, 1, 2].map((writer) => [writer, WRITES, 0, WRITES - 1, String(writer * 1000)]);
  const more: Digest = [...same.slice(0, 2), [2, WRITES + 1, 0, WRITES, '2001']];
  return {
    kind: 'examination',
    atMs: at(90),
    position: LSN.first + all * LSN.step,
    instances: names.map((name) => ({
      name,
      recovering: name !== 'p',
      comparison: {
        lsn: LSN.first + all * LSN.step,
        sequential: name === odd.differs ? more : same,
        index: same,
      },
      amcheck: {
        objects: 2,
        complaints: name === odd.complains ? ['XX002 heap tuple (0,3) lacks matching index tuple'] : [],
      },
    })),
  };
}

/** Observers that see nothing wrong. */
const quiet: readonly Observation[] = [
  { kind: 'instances', atMs: 1000, instances: [{ name: 'p', host: '10.0.0.1', port: 5432 }] },
  probe('p', 10),
  read(20, 6),
  read(25, 5, replica),
  read(35, 9, replica),
  probe('p', 38),
];

/** Every golden history by the name of its directory. */
export const goldenRuns: Readonly<Record<string, GoldenRun>> = {
  clean: {
    about: 'every write acknowledged and there',
    expect: { verdict: 'pass', integrity: 'pass', counts: clean },
  },
  untidy: {
    about: 'failed, unknown and recovered writes, which are no loss',
    fate: (writer, seq) => {
      if (seq === 4) return { outcome: 'fail' };
      if (seq === 5) return { outcome: 'info', copies: writer === 0 ? 1 : 0 };
      return {};
    },
    expect: {
      verdict: 'pass',
      integrity: 'pass',
      counts: { ...clean, acknowledged: 54, failed: 3, unknown: 3, recovered: 1, rows: 55, present: 55 },
    },
  },
  lost: {
    about: 'a failover that loses the last four writes of timeline 1',
    fate: (writer, seq) => {
      const timeline = failover(writer, seq);
      return { timeline, copies: timeline === 1 && order(writer, seq) >= 36 ? 0 : 1 };
    },
    forks: [{ timeline: 1, lsn: LSN.first + 36 * LSN.step, reason: 'no recovery target specified' }],
    expect: {
      verdict: 'fail',
      integrity: 'pass',
      counts: { ...clean, rows: 56, present: 56, lost: 4 },
      checks: { lost: ['fail', 4], 'beyond-fork': ['fail', 4] },
    },
  },
  'lost-seen': {
    about: 'the same loss, of which a reader on -rw saw the first two and then missed all',
    fate: (writer, seq) => {
      const timeline = failover(writer, seq);
      return { timeline, copies: timeline === 1 && order(writer, seq) >= 36 ? 0 : 1 };
    },
    forks: [{ timeline: 1, lsn: LSN.first + 36 * LSN.step, reason: 'no recovery target specified' }],
    observed: [
      read(38, 11, {
        runs: [
          [0, 0, 12],
          [1, 0, 12],
          [2, 0, 11],
        ],
      }),
      read(44, 11, {
        timeline: 2,
        runs: [
          [0, 0, 11],
          [0, 14, 14],
          [1, 0, 11],
          [1, 13, 14],
          [2, 0, 11],
          [2, 13, 13],
        ],
      }),
    ],
    expect: {
      verdict: 'fail',
      integrity: 'pass',
      counts: { ...clean, rows: 56, present: 56, lost: 4 },
      checks: { lost: ['fail', 4], 'beyond-fork': ['fail', 4], 'two-primaries': unknown, 'time-travel': unknown },
    },
  },
  'batch-lost': {
    about: 'statements of five writes, the last of timeline 1 lost in a failover',
    batch: 5,
    fate: (writer, seq) => ({ timeline: seq < 10 ? 1 : 2, copies: writer === 2 && seq >= 5 && seq < 10 ? 0 : 1 }),
    forks: [{ timeline: 1, lsn: LSN.first + order(2, 5) * LSN.step, reason: 'no recovery target specified' }],
    expect: {
      verdict: 'fail',
      integrity: 'pass',
      counts: { ...clean, rows: 55, present: 55, lost: 5 },
      checks: { lost: ['fail', 5], 'beyond-fork': ['fail', 5] },
    },
  },
  'batch-torn': {
    about: 'statements of five writes, of one of which two are missing',
    batch: 5,
    fate: (writer, seq) => ({ copies: writer === 1 && (seq === 6 || seq === 7) ? 0 : 1 }),
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: { ...clean, rows: 58, present: 58, lost: 2 },
      checks: { lost: ['fail', 2], hole: ['fail', 2] },
    },
  },
  'fork-unknown': {
    about: 'the same loss, when the timeline history could not be read',
    fate: (writer, seq) => {
      const timeline = failover(writer, seq);
      return { timeline, copies: timeline === 1 && order(writer, seq) >= 36 ? 0 : 1 };
    },
    forks: { unknown: 'permission denied for function pg_read_file' },
    expect: {
      verdict: 'fail',
      integrity: 'pass',
      counts: { ...clean, rows: 56, present: 56, lost: 4 },
      checks: { lost: ['fail', 4], 'beyond-fork': ['unknown', 0] },
    },
  },
  'failed-over': {
    about: 'a failover that loses nothing',
    fate: (writer, seq) => ({ timeline: failover(writer, seq) }),
    forks: forkAt40,
    expect: { verdict: 'pass', integrity: 'pass', counts: clean },
  },
  hole: {
    about: 'two writes missing from the middle',
    fate: (writer, seq) => ({ copies: writer === 1 && (seq === 6 || seq === 9) ? 0 : 1 }),
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: { ...clean, rows: 58, present: 58, lost: 2 },
      checks: { lost: ['fail', 2], hole: ['fail', 2] },
    },
  },
  'dual-ack': {
    about: 'writer 2 goes on at the old primary after the new one has begun to acknowledge',
    fate: (writer, seq) => ({
      timeline: writer === 2 ? 1 : failover(writer, seq),
      copies: writer === 2 && seq >= 14 ? 0 : 1,
    }),
    forks: [{ timeline: 1, lsn: LSN.first + 42 * LSN.step, reason: 'no recovery target specified' }],
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: { ...clean, rows: 54, present: 54, lost: 6 },
      checks: { lost: ['fail', 6], 'dual-ack': ['fail', 7], 'beyond-fork': ['fail', 6] },
    },
  },
  unexpected: {
    about: 'two rows that nobody wrote: a number not handed out, and a writer that does not exist',
    strangers: [
      { writer: 0, seq: 1_000_000 },
      { writer: -7, seq: 3 },
    ],
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: { ...clean, rows: 62, unexpected: 2 },
      checks: { unexpected: ['fail', 2] },
    },
  },
  duplicated: {
    about: 'one row twice, one four times',
    fate: (writer, seq) => ({ copies: writer === 0 && seq === 3 ? 2 : writer === 2 && seq === 19 ? 4 : 1 }),
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: { ...clean, rows: 64, duplicated: 4 },
      checks: { duplicated: ['fail', 4] },
    },
  },
  corrupted: {
    about: 'one payload changed',
    fate: (writer, seq) => ({ changed: writer === 1 && seq === 11 }),
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: { ...clean, corrupted: 1 },
      checks: { corrupted: ['fail', 1] },
    },
  },
  'phantom-fail': {
    about: 'a write reported as failed that is there',
    fate: (writer, seq) => (writer === 0 && seq === 7 ? { outcome: 'fail', copies: 1 } : {}),
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: { ...clean, acknowledged: 59, failed: 1, phantomFail: 1 },
      checks: { 'phantom-fail': ['fail', 1] },
    },
  },
  weak: {
    about: 'three writes acknowledged after a cancelled wait, one of which is gone',
    fate: (writer, seq) => (seq === 19 ? { outcome: 'ok-weak', copies: writer === 1 ? 0 : 1 } : {}),
    expect: {
      verdict: 'fail',
      integrity: 'pass',
      counts: { ...clean, acknowledged: 57, acknowledgedWeak: 3, rows: 59, present: 59, lostWeak: 1 },
      checks: { 'lost-weak': ['fail', 1] },
    },
  },
  torn: {
    about: 'the last record, an acknowledgement, is cut in its middle: the write is there and counts as recovered',
    end: 'killed',
    damage: (dir) => {
      const file = join(dir, 'history.bin');
      truncateSync(file, statSync(file).size - 17);
    },
    expect: { verdict: 'pass', integrity: 'pass', counts: { ...clean, acknowledged: 59, unknown: 1, recovered: 1 } },
  },
  killed: {
    about: 'the process was killed with three writes under way, of which one arrived',
    fate: (writer, seq) => (seq === 19 ? { outcome: 'pending', copies: writer === 1 ? 1 : 0 } : {}),
    end: 'killed',
    expect: {
      verdict: 'pass',
      integrity: 'pass',
      counts: { ...clean, acknowledged: 57, unknown: 3, recovered: 1, rows: 58, present: 58 },
    },
  },
  'host-crash': {
    about: 'the end of the history is gone with its host: rows of reserved numbers are no strangers, others are',
    end: 'killed',
    strangers: [{ writer: 0, seq: 65_536 }],
    damage: (dir) => truncateSync(join(dir, 'history.bin'), sizeUntilWrite(dir, 15)),
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: { ...clean, attempted: 60, acknowledged: 15, unknown: 45, recovered: 45, rows: 61, unexpected: 1 },
      checks: { unexpected: ['fail', 1] },
    },
  },
  observed: {
    about: 'a failover that loses nothing, with all observers, and a fault that power can be judged by',
    fate: (writer, seq) => ({ timeline: failover(writer, seq) }),
    forks: forkAt40,
    observed: [
      ...quiet,
      { kind: 'fault', what: 'primary-killed', atMs: at(40), effectAtMs: at(40) + 1 },
      { kind: 'cluster', atMs: at(41), what: 'currentPrimary', from: 'p', to: 's1', late: false },
      { kind: 'blind', observer: 'probe p', fromMs: at(40), toMs: at(60), why: 'ECONNREFUSED' },
    ],
    expect: { verdict: 'pass', integrity: 'pass', counts: clean },
  },
  idle: {
    about: 'the same failover, but the fault came when all was over: it proves nothing',
    fate: (writer, seq) => ({ timeline: failover(writer, seq) }),
    forks: forkAt40,
    observed: [...quiet, { kind: 'fault', what: 'primary-killed', atMs: at(2000), effectAtMs: at(2010) }],
    expect: {
      verdict: 'inconclusive',
      integrity: 'inconclusive',
      counts: clean,
      checks: { power: ['inconclusive', 2] },
    },
  },
  vanished: {
    about: 'two writes without an answer were read on timeline 1 and are gone on timeline 2',
    fate: (writer, seq) => ({
      timeline: failover(writer, seq),
      ...(seq === 12 && writer > 0 ? { outcome: 'info', copies: 0 } : {}),
    }),
    forks: forkAt40,
    observed: [read(38.4, 12), read(42.4, 13, { timeline: 2 })],
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: { ...clean, acknowledged: 58, unknown: 2, rows: 58, present: 58 },
      checks: { vanished: ['fail', 2], 'two-primaries': unknown, 'time-travel': unknown },
    },
  },
  resurrected: {
    about: 'three rows are missing in one read and there in the next',
    observed: [
      read(31, 9),
      read(36, 8, {
        runs: [
          [0, 0, 8],
          [1, 0, 8],
          [2, 0, 8],
        ],
      }),
      read(39.4, 12),
    ],
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: clean,
      // of what was acknowledged when the second read began, everything from write 9 on
      checks: { resurrected: ['fail', 9], 'two-primaries': unknown, 'time-travel': unknown },
    },
  },
  'stale-read': {
    about: 'a new connection is led to the old primary after the new one has acknowledged',
    fate: (writer, seq) => ({ timeline: failover(writer, seq) }),
    forks: forkAt40,
    observed: [read(50, 12, { openedMs: at(45) })],
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: clean,
      checks: { 'stale-read': ['fail', 11], 'two-primaries': unknown, 'time-travel': unknown },
    },
  },
  'time-travel': {
    about: 'a replica does not have any more what it had shown',
    observed: [...quiet.filter(({ kind }) => kind === 'probe'), read(20, 5, replica), read(30, 3, replica)],
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: clean,
      checks: { 'time-travel': ['fail', 1], vanished: unknown, resurrected: unknown, 'stale-read': unknown },
    },
  },
  'two-primaries': {
    about: 'an instance that was promoted accepts writes beside the primary, and needs no standby',
    observed: [
      ...quiet,
      probe('s1', 20, { timeline: 2, synchronousStandbyNames: '' }),
      { kind: 'cluster', atMs: at(0), what: 'currentPrimary', to: 'p', late: false },
      { kind: 'cluster', atMs: at(19), what: 'targetPrimary', from: 'p', to: 's1', late: false },
    ],
    expect: { verdict: 'fail', integrity: 'fail', counts: clean, checks: { 'two-primaries': ['fail', 1] } },
  },
  examined: {
    about: 'three instances that hold the same and are sound',
    observed: [...quiet, examination(['p', 's1', 's2'])],
    expect: {
      verdict: 'pass',
      integrity: 'pass',
      counts: clean,
      checks: { 'replica-compare': pass, amcheck: pass },
    },
  },
  'replica-differs': {
    about: 'a replica with another row, which its index does not know',
    observed: [...quiet, examination(['p', 's1', 's2'], { differs: 's2' })],
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: clean,
      checks: { 'replica-compare': ['fail', 2], amcheck: pass },
    },
  },
  amcheck: {
    about: 'an index that lacks a row of its table, as amcheck finds',
    observed: [...quiet, examination(['p', 's1'], { complains: 's1' })],
    expect: {
      verdict: 'fail',
      integrity: 'fail',
      counts: clean,
      checks: { amcheck: ['fail', 1], 'replica-compare': pass },
    },
  },
  checksums: {
    about: 'the primary finds a page with a wrong check sum',
    observed: [
      ...quiet.filter(({ kind }) => kind !== 'probe'),
      probe('p', 10, { checksumFailures: 0 }),
      probe('p', 38, { checksumFailures: 1 }),
    ],
    expect: { verdict: 'fail', integrity: 'fail', counts: clean, checks: { checksums: ['fail', 1] } },
  },
  'read-only': {
    about: 'a session that stays with a standby: refused for a while, which is measured and not red',
    fate: (_, seq) => (seq >= 4 && seq < 9 ? { outcome: 'fail', error: READ_ONLY } : {}),
    expect: {
      verdict: 'pass',
      integrity: 'pass',
      counts: { ...clean, acknowledged: 45, failed: 15, rows: 45, present: 45 },
      checks: { 'read-only': ['pass', 15] },
    },
  },
  'no-read': {
    about: 'the process was killed before the final read',
    end: 'no-read',
    expect: {
      verdict: 'inconclusive',
      integrity: 'inconclusive',
      counts: { attempted: all, acknowledged: all, rows: 0, present: 0, lost: 0 },
    },
  },
};

/** The checks of a run that are expected when it names none. */
export const quietChecks = {
  lost: pass,
  'lost-weak': pass,
  unexpected: pass,
  duplicated: pass,
  corrupted: pass,
  'phantom-fail': pass,
  hole: pass,
  'beyond-fork': pass,
  'dual-ack': pass,
  'two-primaries': unknown,
  vanished: unknown,
  resurrected: unknown,
  'stale-read': unknown,
  'time-travel': unknown,
  'read-only': pass,
  'replica-compare': unknown,
  amcheck: unknown,
  checksums: unknown,
  power: pass,
} as const;

/** The same of a run that was observed. */
export const quietObserved = {
  ...quietChecks,
  'two-primaries': pass,
  vanished: pass,
  resurrected: pass,
  'stale-read': pass,
  'time-travel': pass,
} as const;

/** Those of them that are asked when the table was not read. */
export const quietUnread = {
  'dual-ack': pass,
  'two-primaries': unknown,
  resurrected: unknown,
  'stale-read': unknown,
  'time-travel': unknown,
  'read-only': pass,
  'replica-compare': unknown,
  amcheck: unknown,
  checksums: unknown,
  power: pass,
} as const;

/** Writes one golden history. The same every time: times, identifiers and versions are made up. */
export async function writeGolden(dir: string, run: GoldenRun): Promise<void> {
  const { batch = 1 } = run;
  let nowMs = 1000;
  const clock = { startedAt: Date.UTC(2026, 0, 1), node: 'v24.0.0', now: () => nowMs };
  const options = {
    ...resolveLedgerOptions({ seed: SEED, writers: WRITERS, rate: 500, batch, maxSessions: 11, table: TABLE }),
    applicationName: 'chaos-ledger-golden',
  };
  const history = HistoryWriter.create(dir, { options, clock, about: { golden: run.about } });
  const record = new RunRecord(WRITERS, history);
  const rows: Row[] = [...(run.strangers ?? [])];
  record.learnSettings(FACTS);
  for (let writer = 0; writer < WRITERS; writer++) record.connected(writer, 1, FACTS, nowMs);
  for (let seq = 0; seq < WRITES; seq++) {
    for (let writer = 0; writer < WRITERS; writer++) {
      nowMs = 1000 + order(writer, seq) * STEP_MS;
      const first = seq % batch === 0;
      if (first) record.begin(writer, batch);
      const fate = run.fate?.(writer, seq) ?? {};
      const { outcome = 'ok', timeline = 1 } = fate;
      const times = { writer, seq, dueMs: nowMs - 0.25, sentMs: nowMs, endMs: nowMs + 1 };
      const lsn = LSN.first + order(writer, seq) * LSN.step;
      if (!first) {
        // its statement has its outcome already
      } else if (outcome === 'ok' || outcome === 'ok-weak') {
        record.acknowledge({ ...times, outcome, lsn }, SERVERS[timeline], timeline, FACTS.durabilityHash);
      } else if (outcome !== 'pending') {
        record.unacknowledged({ ...times, outcome }, fate.error ?? new Error('Connection terminated unexpectedly'));
      }
      const copies = fate.copies ?? (outcome === 'ok' || outcome === 'ok-weak' ? 1 : 0);
      for (let i = 0; i < copies; i++) rows.push({ writer, seq, changed: fate.changed ?? false });
    }
  }
  nowMs = 2000;
  const { end = 'closed' } = run;
  if (end === 'closed') record.nextTombstone();
  if (end === 'closed') await history.close();
  else await turn(); // nobody closes the history of a killed process
  if (end !== 'no-read') {
    using file = new RowsWriter(dir);
    for (const { writer, seq, changed = false } of rows) file.row(writer, seq, changed);
    const timeline = run.forks === undefined ? 1 : 2;
    file.commit({
      table: TABLE,
      server: SERVERS[timeline],
      timeline,
      unreachable: [],
      terminated: 0,
      forks: run.forks ?? [],
    });
  }
  if (run.observed !== undefined) {
    using file = new ObservationWriter(dir, { startedAt: clock.startedAt, startedAtMs: 1000, bootMs: 501_000 });
    for (const observation of run.observed) file.write(observation);
  }
  run.damage?.(dir);
}

/** Length of the file of records up to the end of a number of acknowledgements. */
function sizeUntilWrite(dir: string, acknowledgements: number): number {
  let seen = 0;
  let records = 0;
  eachRecord(dir, ({ kind }) => {
    if (seen < acknowledgements) records++;
    if (kind === 'ok') seen++;
  });
  return HISTORY_FORMAT.headerBytes + records * HISTORY_FORMAT.recordBytes;
}
