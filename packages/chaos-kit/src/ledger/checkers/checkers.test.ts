import { describe, expect, test } from 'vitest';
import { RunRecord } from '../run-record.ts';
import { beyondFork } from './beyond-fork.ts';
import { runCheckers } from './checker.ts';
import type { Evidence } from './checker.ts';
import { dualAck } from './dual-ack.ts';
import type { Observations } from '../../observers/observation-file.ts';
import type { FaultObservation } from '../../observers/observation.ts';
import { hole } from './hole.ts';
import { power } from './power.ts';
import type { LedgerCounts } from '../verdict.ts';

/** One acknowledged write. Times in ms; the next number of its writer. */
interface Ack {
  readonly writer?: number;
  readonly server?: string;
  readonly timeline?: number;
  readonly sentMs?: number;
  readonly lsn?: number;
  /** It is not in the table. */
  readonly gone?: boolean;
}

const NOTHING: LedgerCounts = {
  attempted: 0,
  acknowledged: 0,
  acknowledgedWeak: 0,
  failed: 0,
  unknown: 0,
  dropped: 0,
  rows: 0,
  present: 0,
  lost: 0,
  lostWeak: 0,
  unexpected: 0,
  duplicated: 0,
  corrupted: 0,
  phantomFail: 0,
  recovered: 0,
};

const NOTHING_SEEN: Observations = {
  reads: [],
  probes: [],
  blind: [],
  instances: [],
  cluster: [],
  faults: [],
  examinations: [],
  cutBytes: 0,
};

function evidence(acks: readonly Ack[], read: Evidence['read'] = { timeline: 1, forks: [] }): Evidence {
  const record = new RunRecord(2);
  const rows: [number, number][] = [];
  for (const [
    i,
    { writer = 0, server = 'a', timeline = 1, sentMs = i * 10, lsn = 100 + i, gone = false },
  ] of acks.entries()) {
    const seq = record.begin(writer) ?? -1;
    const times = { dueMs: sentMs, sentMs, endMs: i * 10 + 5 };
    record.acknowledge({ writer, seq, outcome: 'ok', ...times, lsn }, server, timeline, 0);
    if (!gone) rows.push([writer, seq]);
  }
  for (const states of record.writers) states.clearCopies();
  for (const [writer, seq] of rows) record.states(writer).countCopy(seq);
  const gone = acks.filter((ack) => ack.gone === true).length;
  return { record, read, counts: { ...NOTHING, acknowledged: acks.length, lost: gone } };
}

test('a checker that throws is inconclusive, and the others are asked all the same', () => {
  const broken = {
    name: 'broken',
    about: 'integrity',
    needs: 'read',
    check: () => {
      throw new RangeError('no such thing');
    },
  } as const;
  expect(runCheckers([broken, hole], evidence([{}]))).toEqual([
    {
      checker: 'broken',
      about: 'integrity',
      verdict: 'inconclusive',
      count: 0,
      looked: 'nothing',
      sentences: ['the checker "broken" broke: no such thing'],
    },
    { checker: 'hole', about: 'integrity', verdict: 'pass', count: 0, looked: '1 acknowledged write', sentences: [] },
  ]);
});

describe('hole', () => {
  const count = (acks: readonly Ack[]) => hole.check(evidence(acks)).count;

  test('a missing write before one that is there, of the same writer and server', () => {
    const { verdict, sentences } = hole.check(evidence([{}, { gone: true }, {}, {}]));
    expect(verdict).toBe('fail');
    expect(sentences[1]).toBe(
      'writer 0 is missing write 1, while its later write 2 is there; a had acknowledged both on timeline 1',
    );
    expect(count([{ gone: true }, { gone: true }, {}])).toBe(2);
  });

  test('not a missing end, nor one before a failover, nor one of another writer', () => {
    expect(count([{}, { gone: true }, { gone: true }])).toBe(0);
    expect(count([{}, { gone: true }, { server: 'b', timeline: 2 }])).toBe(0);
    expect(count([{}, { gone: true }, { writer: 1 }])).toBe(0);
  });

  test('nor does a failover keep a part of one statement', () => {
    const record = new RunRecord(1);
    record.begin(0, 3);
    const times = { dueMs: 1, sentMs: 1, endMs: 2 };
    record.acknowledge({ writer: 0, seq: 0, count: 3, outcome: 'ok', ...times, lsn: 1 }, 'a', 1, 0);
    record.states(0).clearCopies();
    record.states(0).countCopy(0);
    const counts = { ...NOTHING, acknowledged: 3, lost: 2 };
    const found = hole.check({ record, counts, read: { timeline: 1, forks: [] } });
    expect(found).toMatchObject({ verdict: 'fail', count: 2 });
    expect(found.sentences).toContain(
      'writer 0 is missing write 1, while write 0 of the same statement is there; a had acknowledged both on timeline 1',
    );
  });

  test('names ten and counts all', () => {
    const { count: found, sentences } = hole.check(
      evidence([...Array.from({ length: 25 }, () => ({ gone: true })), {}]),
    );
    expect(found).toBe(25);
    expect(sentences).toHaveLength(11);
  });
});

describe('beyond-fork', () => {
  const forks = [{ timeline: 1, lsn: 102, reason: 'no recovery target specified' }];
  const failedOver: Ack[] = [{}, {}, { gone: true }, { gone: true }, { server: 'b', timeline: 2, lsn: 103 }];

  test('counts what was acknowledged at or after the fork', () => {
    const found = beyondFork.check(evidence(failedOver, { timeline: 2, forks }));
    expect(found).toMatchObject({ verdict: 'fail', count: 2 });
    expect(found.sentences).toEqual([
      '2 writes were acknowledged by a beyond 0/66, where timeline 1 was left (no recovery target specified), by up to 1 bytes: nobody followed it any more',
    ]);
  });

  test('points out what cannot be: beyond the fork and there', () => {
    const found = beyondFork.check(evidence([{}, {}, {}, { gone: true }], { timeline: 2, forks }));
    expect(found.sentences[0]).toContain('1 of them are there all the same');
  });

  test('takes the whole of a timeline that nobody descends from', () => {
    const acks: Ack[] = [{}, { server: 'b', timeline: 2 }, { server: 'c', timeline: 3 }];
    expect(
      beyondFork.check(evidence(acks, { timeline: 3, forks: [{ ...forks[0], timeline: 1, lsn: 101, reason: 'x' }] })),
    ).toMatchObject({
      verdict: 'fail',
      count: 1,
      sentences: [expect.stringContaining('by b on timeline 2, which timeline 3 does not descend from')],
    });
  });

  test('passes without a failover, and says so when it cannot look', () => {
    expect(beyondFork.check(evidence([{}]))).toMatchObject({ verdict: 'pass' });
    const blind = evidence(failedOver, { timeline: 2, forks: { unknown: 'permission denied' } });
    expect(beyondFork.check(blind)).toMatchObject({
      verdict: 'unknown',
      sentences: ['it is not known where timeline 1 was left for timeline 2: permission denied'],
    });
    expect(beyondFork.check(evidence([{ lsn: 0 }], { timeline: 2, forks }))).toMatchObject({ verdict: 'unknown' });
  });
});

describe('dual-ack', () => {
  const a = { server: 'a', timeline: 1 };
  const b = { server: 'b', timeline: 2 };

  test('a write sent to the old timeline after the new one acknowledged', () => {
    const found = dualAck.check(evidence([a, b, a, b, a]));
    expect(found).toMatchObject({ verdict: 'fail', count: 2 });
    expect(found.sentences).toEqual([
      '2 writes were sent to a and acknowledged on timeline 1 up to 0.025 s after b had begun to acknowledge on timeline 2: two primaries at once; look at when the old one was fenced',
    ]);
  });

  test('not one that was sent before and answered late', () => {
    expect(dualAck.check(evidence([a, b, { ...a, sentMs: 12 }]))).toMatchObject({ verdict: 'pass', count: 0 });
  });

  test('not an ordinary failover, nor a server that comes back under a new address', () => {
    expect(dualAck.check(evidence([a, a, b, b]))).toMatchObject({ verdict: 'pass' });
    expect(dualAck.check(evidence([a, a, { ...a, server: 'a2' }]))).toMatchObject({ verdict: 'pass' });
  });

  test('two addresses that take turns on one timeline leave it open', () => {
    const found = dualAck.check(evidence([a, { ...a, server: 'a2' }, a]));
    expect(found).toMatchObject({ verdict: 'inconclusive', count: 1 });
    expect(found.sentences[0]).toContain('two servers, or one with two addresses');
  });
});

describe('power', () => {
  const alive = Array.from({ length: 40 }, () => ({}));
  const ask = (acks: readonly Ack[], fault: Partial<FaultObservation>, timeline = 1) => {
    const faults = [{ kind: 'fault', what: 'pod-killed', atMs: 200, effectAtMs: 250, ...fault }] as const;
    const given = evidence(acks, { timeline, forks: [] });
    return power.check({ ...given, observations: { ...NOTHING_SEEN, faults } });
  };

  test('is enough when writes were acknowledged before the fault and one was under way at it', () => {
    expect(ask(alive, {})).toMatchObject({ verdict: 'pass', looked: 'acknowledgements around pod-killed' });
  });

  test('is missing without any acknowledgement', () => {
    expect(power.check(evidence([]))).toMatchObject({ verdict: 'inconclusive', count: 1 });
  });

  test('is missing when the system was idle, or nothing was under way', () => {
    const later = ask(alive, { atMs: 5000, effectAtMs: 5100 });
    expect(later).toMatchObject({ verdict: 'inconclusive', count: 2 });
    expect(later.sentences).toEqual([
      'no write was acknowledged in the second before pod-killed, so it hit an idle system',
      'no write was under way while pod-killed took effect',
    ]);
    // the last write ends at 395 ms
    expect(ask(alive, { atMs: 396, effectAtMs: 400 })).toMatchObject({ verdict: 'inconclusive', count: 1 });
  });

  test('is missing when nothing was acknowledged on the timeline that came of it', () => {
    const alone = ask(alive, {}, 2);
    expect(alone.sentences).toEqual([expect.stringContaining('timeline 2 came after pod-killed')]);
    expect(ask([...alive, { server: 'b', timeline: 2 }], {}, 2)).toMatchObject({ verdict: 'pass' });
  });
});
