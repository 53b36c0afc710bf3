import { describe, expect, test } from 'vitest';
import { checkListAppend } from '../../src/ledger/transactions/list-append/check-list-append.ts';
import type { AppendHistory } from '../../src/ledger/transactions/list-append/append-history.ts';
import { listOf, READ } from '../../src/ledger/transactions/list-append/append-history.ts';
import { ISOLATION_LEVELS } from '../../src/ledger/transactions/isolation.ts';
import type { IsolationLevel } from '../../src/ledger/transactions/isolation.ts';
import { told } from './known-histories.ts';
import type { Told } from './known-histories.ts';
import { simulate } from './simulated-store.ts';

const [RC, RR, SER] = ['read committed', 'repeatable read', 'serializable'] as const;

const t = (...ops: Told['ops']): Told => ({ ops });

/** Two that met, so that a history can prove something. */
const MET = [t(['append', 0, 1]), t(['read', 0, [1]])];

interface Known {
  readonly shows: string;
  readonly history: () => AppendHistory;
  /** Everything that is found. */
  readonly types: readonly string[];
  /** The first level at which it fails; missing: at none. */
  readonly failsFrom?: IsolationLevel;
  /** The first case of the last type, in words. */
  readonly words: string;
}

const KNOWN: readonly Known[] = [
  {
    shows: 'writes in two orders',
    history: () =>
      told([[t(['append', 1, 1], ['append', 2, 1]), t(['append', 1, 2], ['append', 2, 2])]], { 1: [1, 2], 2: [2, 1] }),
    types: ['G0'],
    failsFrom: RC,
    words:
      'T0 → T1 → T0, which is no order: T1 appended 2 to key 1 right after 1 of T0; T0 appended 1 to key 2 right after 2 of T1. T0 (process 100): append 1:1, append 2:1. T1 (process 101): append 1:2, append 2:2',
  },
  {
    shows: 'a read of what was rolled back',
    history: () => told([[{ outcome: 'fail', ops: [['append', 1, 1]] }, t(['read', 1, [1]])]], { 1: [1] }),
    types: ['G1a'],
    failsFrom: RC,
    words: '1 was read in key 1; T0 (process 100) appended it and failed (an aborted read, or a failure that was none)',
  },
  {
    shows: 'a read of an unfinished transaction',
    history: () => told([[t(['append', 1, 1], ['append', 1, 2]), t(['read', 1, [1]])]], { 1: [1, 2] }),
    types: ['G1b', 'G-single'],
    failsFrom: RC,
    words: expect.stringContaining('T1 read key 1 as [1], just before 2 of T0') as string,
  },
  {
    shows: 'a circle of information',
    history: () =>
      told([[t(['append', 1, 1], ['read', 2, [1]]), t(['append', 2, 1], ['read', 1, [1]])]], { 1: [1], 2: [1] }),
    types: ['G1c'],
    failsFrom: RC,
    words:
      'T0 → T1 → T0, which is no order: T1 read key 1 as [1], where 1 is of T0; T0 read key 2 as [1], where 1 is of T1. T0 (process 100): append 1:1, read 2 → [1]. T1 (process 101): append 2:1, read 1 → [1]',
  },
  {
    shows: 'a torn snapshot',
    history: () =>
      told([[t(['append', 1, 1], ['append', 2, 1]), t(['read', 1, []], ['read', 2, [1]])]], { 1: [1], 2: [1] }),
    types: ['G-single'],
    failsFrom: RR,
    words:
      'T0 → T1 → T0, which is no order: T1 read key 2 as [1], where 1 is of T0; T1 read key 1 as [], without 1 of T0. T0 (process 100): append 1:1, append 2:1. T1 (process 101): read 1 → [], read 2 → [1]',
  },
  {
    shows: 'a lost update that was kept by appending',
    history: () =>
      told([[t(['read', 1, []], ['append', 1, 1]), t(['read', 1, []], ['append', 1, 2])], ...MET], { 1: [1, 2] }),
    types: ['lost-update', 'G-single'],
    failsFrom: RR,
    words: expect.stringContaining('T1 read key 1 as [], without 1 of T0') as string,
  },
  {
    shows: 'an update that overwrote another',
    history: () =>
      told([[t(['read', 1, []], ['append', 1, 1]), t(['read', 1, []], ['append', 1, 2])], t(['read', 1, [1]])], {
        1: [2],
      }),
    types: ['incompatible-order', 'lost-append', 'lost-update'],
    failsFrom: RC,
    words: 'T0 (process 100) and T1 (process 101) all read key 1 as [], appended to it and committed',
  },
  {
    shows: 'two observers who disagree (long fork)',
    history: () =>
      told(
        [
          [
            t(['append', 1, 1]),
            t(['append', 2, 1]),
            t(['read', 1, [1]], ['read', 2, []]),
            t(['read', 1, []], ['read', 2, [1]]),
          ],
        ],
        { 1: [1], 2: [1] },
      ),
    types: ['G-nonadjacent'],
    failsFrom: RR,
    words: expect.stringContaining('T0 → T2 → T1 → T3 → T0') as string,
  },
  {
    shows: 'write skew',
    history: () =>
      told([[t(['read', 1, []], ['append', 2, 1]), t(['read', 2, []], ['append', 1, 1])], ...MET], { 1: [1], 2: [1] }),
    types: ['G2-item'],
    failsFrom: SER,
    words:
      'T0 → T1 → T0, which is no order: T0 read key 1 as [], without 1 of T1; T1 read key 2 as [], without 1 of T0. T0 (process 100): read 1 → [], append 2:1. T1 (process 101): read 2 → [], append 1:1',
  },
  {
    shows: 'a read that misses what was acknowledged',
    history: () => told([t(['append', 1, 1]), t(['append', 1, 2]), t(['read', 1, [1]])], { 1: [1, 2] }),
    types: ['stale-read', 'G-single-realtime'],
    failsFrom: RC,
    words: expect.stringContaining('T1 had been acknowledged before T2 began') as string,
  },
  {
    shows: 'a process that does not see its own past',
    history: () =>
      told(
        [
          { process: 1, ops: [['append', 1, 1]] },
          { process: 1, ops: [['read', 1, []]] },
        ],
        { 1: [1] },
      ),
    types: ['stale-read', 'G-single-process'],
    failsFrom: RC,
    words: expect.stringContaining('T1 (process 1): read 1 → []') as string,
  },
  {
    shows: 'an acknowledged append that is gone',
    history: () => told([t(['append', 1, 1]), t(['append', 1, 2]), t(['read', 1, [1]])], { 1: [1] }),
    types: ['lost-append', 'G-single-realtime'],
    failsFrom: RC,
    words: expect.stringContaining('without 2 of T1') as string,
  },
  {
    shows: 'a weakly acknowledged append that is gone',
    history: () =>
      told([{ outcome: 'ok-weak', ops: [['append', 1, 1]] }, t(['append', 2, 1]), t(['read', 2, [1]])], {
        1: [],
        2: [1],
      }),
    types: ['lost-append-weak', 'G-single-realtime'],
    failsFrom: RC,
    words: expect.stringContaining('T0 had been acknowledged before T3 began') as string,
  },
  {
    shows: 'an append of unknown outcome that was seen and is gone',
    history: () =>
      told([t(['append', 1, 1]), { outcome: 'info', ops: [['append', 1, 2]] }, t(['read', 1, [1, 2]])], { 1: [1] }),
    types: ['vanished-append', 'G-single-realtime'],
    failsFrom: RC,
    words: expect.stringContaining('read key 1 as [1], without 2 of T1') as string,
  },
  {
    shows: 'lists that contradict each other',
    history: () =>
      told(
        [
          [t(['append', 1, 1]), t(['append', 1, 2])],
          [t(['read', 1, [1, 2]]), t(['read', 1, [2, 1]])],
        ],
        { 1: [1, 2] },
      ),
    types: ['incompatible-order'],
    failsFrom: RC,
    words: 'key 1 was read as [1, 2] and as [2, 1]: after [] comes 1 in one and 2 in the other',
  },
  {
    shows: 'an append twice',
    history: () => told([t(['append', 1, 1]), t(['read', 1, [1, 1]])], { 1: [1, 1] }),
    types: ['duplicate-append'],
    failsFrom: RC,
    words: '1 is twice in [1, 1], read of key 1',
  },
  {
    shows: 'an append of nobody',
    history: () => told([t(['append', 1, 1]), t(['read', 1, [1, 9]])], { 1: [1, 9] }),
    types: ['unexpected-append'],
    failsFrom: RC,
    words: '9 was read in key 1, nobody appended it: [1, 9]',
  },
  {
    shows: 'a transaction that does not see its own write',
    history: () => told([t(['append', 1, 1]), t(['append', 1, 2], ['read', 1, [1]])], { 1: [1, 2] }),
    types: ['internal'],
    failsFrom: RC,
    words: 'T1 (process 101) appended 2 to key 1 and then read it as [1]',
  },
  {
    shows: 'two states within a transaction',
    history: () => told([[t(['append', 1, 1]), t(['read', 1, []], ['read', 1, [1]])]], { 1: [1] }),
    types: ['non-repeatable-read', 'G-single'],
    failsFrom: RR,
    words: expect.stringContaining('T0 → T1 → T0') as string,
  },
  {
    shows: 'an order of serializable transactions against real time (three of them, one long)',
    history: () => {
      // T2 is long; T3 is over before T4 begins; T4 does not see T2, which does not see T3
      const history = told(MET, false);
      const long = history.begin(1, [
        ['read', 1],
        ['append', 2, 1],
      ]);
      const first = history.begin(2, [['append', 1, 1]]);
      history.complete(first, 'ok');
      const second = history.begin(3, [['read', 2]]);
      history.complete(second, 'ok', [{ from: 0, tail: [] }]);
      history.complete(long, 'ok', [{ from: 0, tail: [] }]);
      const final = history.begin(-1, [
        ['read', 1],
        ['read', 2],
      ]);
      history.final = final;
      const one = { from: 0, tail: [1] };
      history.complete(final, 'ok', [one, one]);
      return history;
    },
    types: ['G2-item-realtime'],
    words: expect.stringContaining(
      'T2 → T3 → T4 → T2, which is no order: T2 read key 1 as [], without 1 of T3; T3 had been',
    ) as string,
  },
];

describe('list-append: known anomalies', () => {
  test.each(KNOWN)('$shows: $types', ({ history, types, failsFrom, words }) => {
    const from = failsFrom === undefined ? ISOLATION_LEVELS.length : ISOLATION_LEVELS.indexOf(failsFrom);
    for (const [i, isolation] of ISOLATION_LEVELS.entries()) {
      const found = checkListAppend(history(), { isolation });
      expect(found.findings.map(({ type }) => type).toSorted()).toEqual(types.toSorted());
      expect(found.verdict, `${isolation}: ${found.reasons.join()}`).toBe(i >= from ? 'fail' : 'pass');
      const last = found.findings.find(({ type }) => type === types.at(-1));
      expect(last?.sentences[0]).toEqual(words);
      // against real time there may be several ways round
      expect(last?.type.endsWith('-realtime') === true || last?.count === 1).toBe(true);
      const sentences = [...found.reasons.map((reason) => `forbidden: ${reason}`), ...found.notes];
      expect(sentences[0]).toMatch(i >= from ? /^forbidden: [\w-]+: / : /^allowed at this level: [\w-]+: /);
    }
  });

  test('every finding names who, and where it was connected to', () => {
    const history = told([t(['append', 1, 1]), t(['append', 1, 2])], { 1: [1] });
    history.connected(101, '10.0.0.1:5432 on timeline 1');
    expect(checkListAppend(history, { isolation: RC }).reasons[0]).toBe(
      'lost-append: 2 is not in key 1 at the end, [1]; T1 (process 101 at 10.0.0.1:5432 on timeline 1) had appended it and was acknowledged',
    );
  });
});

describe('list-append: unknown outcomes', () => {
  const unknown: Told = {
    outcome: 'info',
    ops: [
      ['append', 1, 1],
      ['append', 2, 1],
    ],
  };

  test('nothing is concluded from one that nobody saw', () => {
    const found = checkListAppend(
      told([t(['append', 3, 1]), unknown, t(['read', 1, []], ['read', 3, [1]])], { 1: [], 2: [], 3: [1] }),
      {
        isolation: SER,
      },
    );
    expect(found).toMatchObject({ verdict: 'pass', findings: [], counts: { unknown: 1, ok: 3 } });
  });

  test('it may happen late, but then as a whole', () => {
    const late = told([unknown, t(['read', 1, []]), t(['read', 1, [1]], ['read', 2, [1]])], { 1: [1], 2: [1] });
    expect(checkListAppend(late, { isolation: SER })).toMatchObject({ verdict: 'pass', findings: [] });
    const torn = told([unknown, t(['read', 1, [1]], ['read', 2, []])], { 1: [1], 2: [] });
    expect(checkListAppend(torn, { isolation: RR }).findings).toMatchObject([{ type: 'G-single', count: 2 }]);
  });

  test('a failure that was seen is a failure of the claim', () => {
    const history = told([{ outcome: 'fail', ops: [['append', 1, 1]] }, t(['append', 1, 2]), t(['read', 1, [1, 2]])]);
    expect(checkListAppend(history, { isolation: RC })).toMatchObject({ verdict: 'fail', findings: [{ type: 'G1a' }] });
  });
});

describe('list-append: what proves nothing', () => {
  test.each([
    ['no transaction was acknowledged', [{ outcome: 'fail' as const, ops: [['append', 1, 1] as const] }], { 1: [] }],
    ['no transaction read what another one had appended', [t(['append', 1, 1]), t(['read', 2, []])], {}],
    ['the keys were not read at the end', [t(['append', 1, 1]), t(['read', 1, [1]])], false as const],
  ])('%s', (reason, steps, final) => {
    const found = checkListAppend(told(steps, final), { isolation: SER });
    expect(found.verdict).toBe('inconclusive');
    expect(found.reasons.join()).toContain(reason);
  });

  test('a doubt about the record, and a check that breaks', () => {
    const history = told([t(['append', 1, 1]), t(['read', 1, [1]])]);
    expect(checkListAppend(history, { isolation: SER })).toMatchObject({ verdict: 'pass' });
    const doubts = ['the disk was full'];
    expect(checkListAppend(history, { isolation: SER, doubts })).toMatchObject({
      verdict: 'inconclusive',
      reasons: doubts,
    });
    history.keys[0]?.writers.set(7, 99);
    history.keys.length = 0;
    const broken = checkListAppend(history, { isolation: SER });
    expect(broken.verdict).toBe('inconclusive');
    expect(broken.reasons.join()).toContain('the check of the transactions broke');
  });
});

describe('list-append: a store that keeps its level', () => {
  test.each(ISOLATION_LEVELS)('%s stays clean at its level', (level) => {
    for (let seed = 1; seed <= 20; seed++) {
      const history = simulate({ level, transactions: 300, seed, keys: 1 + (seed % 6), unknown: 0.05 });
      const found = checkListAppend(history, { isolation: level });
      expect(found.reasons).toEqual([]);
      expect(found.verdict).toBe('pass');
    }
  });

  test('repeatable read shows write skew, which is allowed there and not under serializable', () => {
    const history = simulate({ level: RR, transactions: 1000, seed: 1 });
    const allowed = checkListAppend(history, { isolation: RR });
    expect(allowed.verdict).toBe('pass');
    expect(allowed.notes[0]).toMatch(/^allowed at this level: G2-item × \d+: T\d+ → /);
    const held = checkListAppend(history, { isolation: RR, expected: SER });
    expect(held.verdict).toBe('fail');
    expect(held.findings[0]).toMatchObject({ type: 'G2-item', forbidden: true });
  });

  test('read committed shows what snapshots forbid', () => {
    const history = simulate({ level: RC, transactions: 1000, seed: 1, keys: 3 });
    const held = checkListAppend(history, { isolation: RC, expected: RR });
    expect(held.verdict).toBe('fail');
    const types = held.findings.filter(({ forbidden }) => forbidden).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['lost-update', 'non-repeatable-read', 'G-single', 'G-nonadjacent']));
    expect(types.join()).not.toContain('G1');
  });
});

/** Whether there is an order of the transactions in which every read finds what had been appended before it. */
function hasSerialOrder(history: AppendHistory, realTime: boolean): boolean {
  const txns = Array.from({ length: history.length }, (_, i) => i).filter((i) => history.acknowledged(i));
  const place = (state: ReadonlyMap<number, readonly number[]>, left: readonly number[]): boolean => {
    if (left.length === 0) return true;
    return left.some((txn) => {
      if (realTime && left.some((other) => history.completedAt(other) < history.invokedAt(txn))) return false;
      const next = new Map(state);
      for (const op of history.ops(txn)) {
        const list = next.get(op.key.key) ?? [];
        if (op.kind === READ) {
          if (listOf(op)?.join() !== list.join()) return false;
        } else next.set(op.key.key, [...list, op.value]);
      }
      return place(
        next,
        left.filter((other) => other !== txn),
      );
    });
  };
  return place(new Map(), txns);
}

test('the verdict agrees with trying every order, for small histories of every level', () => {
  const seen = { yes: 0, no: 0, onlyWithoutTime: 0 };
  for (const level of ISOLATION_LEVELS) {
    for (let seed = 1; seed <= 250; seed++) {
      const history = simulate({ level, transactions: 7, seed, keys: 2, processes: 4, unknown: 0 });
      const { findings } = checkListAppend(history, { isolation: level, expected: SER });
      const plain = findings.filter(({ type }) => !type.endsWith('-realtime') && !type.endsWith('-process'));
      expect(plain.length === 0, `${level} ${seed}`).toBe(hasSerialOrder(history, false));
      const strict = hasSerialOrder(history, true);
      expect(findings.length === 0, `${level} ${seed} in real time`).toBe(strict);
      seen[plain.length === 0 ? 'yes' : 'no']++;
      if (plain.length === 0 && !strict) seen.onlyWithoutTime++;
    }
  }
  expect(Math.min(...Object.values(seen).slice(0, 2))).toBeGreaterThan(100);
});
