import { describe, expect, test } from 'vitest';
import type { Observations } from '../../observers/observation-file.ts';
import type { ProbeObservation, ReadObservation } from '../../observers/observation.ts';
import { RunRecord } from '../run-record.ts';
import type { LedgerCounts } from '../verdict.ts';
import type { Evidence } from './checker.ts';
import { readOnly } from './read-only.ts';
import { resurrected } from './resurrected.ts';
import { staleRead } from './stale-read.ts';
import { timeTravel } from './time-travel.ts';
import { twoPrimaries } from './two-primaries.ts';
import { vanished } from './vanished.ts';

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

/** One writer; write n is sent at 10 n, settled at 10 n + 5, by `a` on timeline 1 unless said otherwise. */
interface Write {
  readonly outcome?: 'ok' | 'info' | 'fail';
  readonly timeline?: number;
  /** It is not in the table at the end. */
  readonly gone?: boolean;
}

function evidence(writes: readonly Write[], observations: Partial<Observations>, timeline = 1): Evidence {
  const record = new RunRecord(1);
  for (const [i, { outcome = 'ok', timeline: by = 1 }] of writes.entries()) {
    const seq = record.begin(0) ?? -1;
    const times = { writer: 0, seq, dueMs: i * 10, sentMs: i * 10, endMs: i * 10 + 5 };
    if (outcome === 'ok') record.acknowledge({ ...times, outcome, lsn: 100 + i }, by === 1 ? 'a' : 'b', by, 0);
    else record.unacknowledgedFor({ ...times, outcome }, outcome === 'fail' ? 'fail: 25006 read-only' : 'info: gone');
  }
  record.states(0).clearCopies();
  for (const [seq, { outcome = 'ok', gone = outcome === 'fail' }] of writes.entries()) {
    if (!gone) record.states(0).countCopy(seq);
  }
  const counts = { acknowledged: record.acknowledged } as LedgerCounts;
  return { record, counts, read: { timeline, forks: [] }, observations: { ...NOTHING_SEEN, ...observations } };
}

/** A read at `atMs` of everything, or above a number. */
function read(atMs: number, runs: readonly [first: number, last: number][], more: Partial<ReadObservation> = {}) {
  const where = { server: 'a', postmaster: 'noon', recovering: false, timeline: 1, session: 1, openedMs: 0 };
  const what = { above: [-1], runs: runs.map(([first, last]): [number, number, number] => [0, first, last]) };
  return { kind: 'read', from: 'rw', startMs: atMs, endMs: atMs + 2, ...where, ...what, ...more } as const;
}

const ten: Write[] = Array.from({ length: 10 }, () => ({}));

describe('vanished', () => {
  const ask = (writes: readonly Write[], reads: readonly ReadObservation[]) =>
    vanished.check(evidence(writes, { reads }));
  const unknown: Write = { outcome: 'info', gone: true };

  test('what a reader saw and nobody was told is gone', () => {
    const found = ask([{}, unknown, unknown, {}], [read(50, [[0, 2]])]);
    expect(found).toMatchObject({ verdict: 'fail', count: 2 });
    expect(found.sentences[0]).toContain('2 rows that were read through -rw have vanished');
    expect(found.sentences[0]).toContain(
      'writer 0 write 1, writer 0 write 2; first seen on a, timeline 1, 0.050 s into',
    );
  });

  test('not what was acknowledged, which is lost, nor what nobody saw', () => {
    expect(ask([{}, { gone: true }], [read(50, [[0, 1]])])).toMatchObject({ verdict: 'pass' });
    expect(ask([{}, unknown], [read(50, [[0, 0]])])).toMatchObject({ verdict: 'pass' });
  });

  test('also a refused write that a reader saw', () => {
    expect(ask([{ outcome: 'fail', gone: true }], [read(50, [[0, 0]])])).toMatchObject({ verdict: 'fail', count: 1 });
  });

  test('not a row that nobody attempted to write, whatever its number', () => {
    const stranger: [number, number][] = [
      [0, 1],
      [2_000_000_000, 2_000_000_000],
    ];
    expect(ask([{}, {}], [read(50, stranger), read(60, [[0, 1]])])).toMatchObject({ verdict: 'pass', count: 0 });
  });

  test('says nothing without readers', () => {
    expect(ask([unknown], [])).toMatchObject({ verdict: 'unknown' });
    const { observations: _, ...alone } = evidence([unknown], {});
    expect(vanished.check(alone)).toMatchObject({
      verdict: 'unknown',
      looked: 'nothing: no observers ran',
      sentences: [],
    });
  });
});

describe('resurrected', () => {
  const ask = (writes: readonly Write[], reads: readonly ReadObservation[], timeline = 1) =>
    resurrected.check(evidence(writes, { reads }, timeline));

  test('an acknowledged row that a later read misses and the final read has', () => {
    const found = ask(ten, [read(200, [[0, 9]]), read(300, [[0, 6]])]);
    expect(found).toMatchObject({ verdict: 'fail', count: 3 });
    expect(found.sentences[0]).toContain(
      'writer 0 write 7, writer 0 write 8, writer 0 write 9; a on timeline 1 did not',
    );
  });

  test('or a later read', () => {
    const back: Write[] = [...ten.slice(0, 9), { outcome: 'info', gone: true }];
    expect(ask(back, [read(200, [[0, 9]]), read(300, [[0, 8]]), read(400, [[0, 9]])])).toMatchObject({
      verdict: 'fail',
      count: 1,
    });
  });

  test('not what was still under way when the read began, nor below what it asked for', () => {
    // write 5 is acknowledged at 55
    expect(ask(ten, [read(54, [[0, 4]])])).toMatchObject({ verdict: 'pass' });
    expect(ask(ten, [read(56, [[0, 4]])])).toMatchObject({ verdict: 'fail', count: 1 });
    expect(ask(ten, [read(200, [[8, 9]], { above: [7] })])).toMatchObject({ verdict: 'pass' });
  });

  test('not what stays away: that is lost', () => {
    const gone = [...ten.slice(0, 9), { gone: true }];
    expect(ask(gone, [read(200, [[0, 9]]), read(300, [[0, 8]])])).toMatchObject({ verdict: 'pass' });
  });

  test('not what an old primary does not have, which is a stale read', () => {
    const failedOver: Write[] = [...ten, { timeline: 2 }, { timeline: 2 }];
    const late = read(200, [[0, 9]], { openedMs: 50 });
    expect(ask(failedOver, [late], 2)).toMatchObject({ verdict: 'pass' });
    const given = evidence(failedOver, { reads: [late] }, 2);
    expect(staleRead.check(given)).toMatchObject({
      verdict: 'pass',
      count: 2,
      sentences: [expect.stringContaining('1 read through -rw by sessions opened before')],
    });
  });
});

describe('stale-read', () => {
  const failedOver: Write[] = [...ten, { timeline: 2 }, { timeline: 2 }];
  const ask = (reads: readonly ReadObservation[]) => staleRead.check(evidence(failedOver, { reads }, 2));

  test('a new connection that is led to an older timeline or to a standby', () => {
    const old = ask([read(200, [[0, 9]], { openedMs: 150 })]);
    expect(old).toMatchObject({ verdict: 'fail', count: 2 });
    expect(old.sentences[0]).toContain('answered by a, a primary on timeline 1; writer 0 write 10, writer 0 write 11');
    const { timeline: _, ...standby } = read(200, [[0, 9]], { openedMs: 150, recovering: true });
    expect(ask([standby]).sentences[0]).toContain('answered by a, a standby');
  });

  test('not one that has everything', () => {
    expect(ask([read(200, [[0, 11]], { openedMs: 150, timeline: 2 })])).toMatchObject({ verdict: 'pass', count: 0 });
  });
});

describe('time-travel', () => {
  const ro = { from: 'ro', recovering: true, timeline: undefined } as const;
  const ask = (...reads: ReadObservation[]) => timeTravel.check(evidence(ten, { reads }));

  test('a row that one life of a server had shown is not there any more', () => {
    const found = ask(read(100, [[0, 5]], ro), read(200, [[0, 3]], ro));
    expect(found).toMatchObject({ verdict: 'fail', count: 1 });
    expect(found.sentences[0]).toContain('without a restart it lacks 2 rows that it had shown, writer 0 write 4');
  });

  test('not by another server, nor soon after a restart', () => {
    expect(ask(read(100, [[0, 5]], ro), read(200, [[0, 3]], { ...ro, server: 'c' }))).toMatchObject({
      verdict: 'pass',
    });
    const restarted = { ...ro, postmaster: 'one' };
    const behind = [read(100, [[0, 5]], ro), read(200, [[0, 3]], restarted)] as const;
    expect(ask(...behind)).toMatchObject({ verdict: 'pass' });
    expect(ask(...behind, read(10_300, [[0, 3]], restarted))).toMatchObject({ verdict: 'fail', count: 1 });
    expect(ask(...behind, read(10_300, [[0, 7]], restarted))).toMatchObject({ verdict: 'pass' });
  });
});

describe('two-primaries', () => {
  const probe = (instance: string, startMs: number, more: Partial<ProbeObservation> = {}): ProbeObservation => ({
    kind: 'probe',
    instance,
    session: instance === 'p' ? 1 : 2,
    startMs,
    endMs: startMs + 1,
    server: instance,
    postmaster: 'noon',
    recovering: false,
    readOnly: false,
    timeline: instance === 'p' ? 1 : 2,
    lsn: 1,
    synchronousCommit: 'on',
    synchronousStandbyNames: '',
    ...more,
  });
  const ask = (...probes: ProbeObservation[]) => twoPrimaries.check(evidence(ten, { probes }));

  test('each before and after the other', () => {
    const found = ask(probe('p', 10), probe('q', 20), probe('p', 30), probe('q', 40));
    expect(found).toMatchObject({ verdict: 'fail', count: 1, looked: '4 probes of 2 instances' });
    expect(found.sentences[0]).toBe(
      'p (timeline 1) and q (timeline 2) both accepted writes 0.021 s into the run, for at least 0.009 s; p and q could acknowledge without any standby: look first at why the old one was not fenced',
    );
    expect(ask(probe('p', 10), probe('q', 20), probe('p', 30))).toMatchObject({ verdict: 'fail' });
  });

  test('not one after the other, nor when the first was asked anew in between', () => {
    expect(ask(probe('p', 10), probe('p', 20), probe('q', 30), probe('q', 40))).toMatchObject({
      verdict: 'pass',
      count: 0,
    });
    expect(ask(probe('p', 10), probe('q', 20), probe('p', 30, { session: 3 }))).toMatchObject({ verdict: 'pass' });
    expect(ask(probe('p', 10), probe('q', 20, { recovering: true }), probe('p', 30))).toMatchObject({
      verdict: 'pass',
    });
    expect(ask(probe('p', 10), probe('q', 20, { readOnly: true }), probe('p', 30))).toMatchObject({ verdict: 'pass' });
    // one server under two names
    const same = { server: 'p', postmaster: 'noon' };
    expect(ask(probe('p', 10), probe('q', 20, same), probe('p', 30))).toMatchObject({ verdict: 'pass' });
  });

  test('is only told when both have to wait for a standby', () => {
    const waits = { synchronousStandbyNames: 'ANY 1 (s)' };
    const found = ask(probe('p', 10, waits), probe('q', 20, waits), probe('p', 30, waits));
    expect(found).toMatchObject({
      verdict: 'pass',
      count: 1,
      sentences: [expect.stringContaining('at most one of them')],
    });
    expect(ask(probe('p', 10, waits), probe('q', 20), probe('p', 30, waits))).toMatchObject({ verdict: 'fail' });
    const off = { ...waits, synchronousCommit: 'local' };
    expect(ask(probe('p', 10, off), probe('q', 20, waits), probe('p', 30, off))).toMatchObject({ verdict: 'fail' });
  });

  test('the time without any is measured', () => {
    const probes = [probe('p', 10), probe('p', 20), probe('q', 520), probe('q', 540)];
    const refused: Write[] = [{ outcome: 'fail' }, { outcome: 'fail' }, {}];
    expect(readOnly.check(evidence(refused, { probes }))).toMatchObject({
      verdict: 'pass',
      count: 2,
      sentences: [
        '2 writes were refused as read-only (25006) over 0.010 s, the first 0.005 s into the run: a session or the -rw Service led to a standby',
        'no instance accepted writes for up to 0.501 s, as instances themselves say',
      ],
    });
  });
});
