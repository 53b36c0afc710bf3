import { describe, expect, test } from 'vitest';
import { Completions } from './completions.ts';
import type { Outcome } from './outcome.ts';
import { firstStableAck, latencyFromDue, longestGap, RECOVERY_RULE } from './service-times.ts';

interface Write {
  sent: number;
  end: number;
  outcome: Outcome;
}

function logOf(writes: readonly Write[]): Completions {
  const log = new Completions();
  for (const { sent, end, outcome } of writes) {
    log.push({ writer: 0, seq: 0, outcome, dueMs: sent, sentMs: sent, endMs: end, origin: 0, lsn: 0 });
  }
  return log;
}

const acks = (...ends: number[]): Write[] => ends.map((end) => ({ sent: end - 1, end, outcome: 'ok' }));
const every = (stepMs: number, fromMs: number, toMs: number): Write[] =>
  acks(...Array.from({ length: Math.floor((toMs - fromMs) / stepMs) + 1 }, (_, i) => fromMs + i * stepMs));

/** Seeded, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('longestGap', () => {
  test('a window without acknowledgements is one gap', () => {
    expect(longestGap(logOf([]), 100, 400)).toEqual({ startMs: 100, endMs: 400, lengthMs: 300 });
    expect(longestGap(logOf(acks(50, 500)), 100, 400)).toEqual({ startMs: 100, endMs: 400, lengthMs: 300 });
  });

  test('counts the borders, and failures do not end a gap', () => {
    const log = logOf([...acks(10, 20), { sent: 30, end: 60, outcome: 'fail' }, ...acks(100, 110)]);
    expect(longestGap(log, 0, 120)).toEqual({ startMs: 20, endMs: 100, lengthMs: 80 });
    expect(longestGap(log, 0, 400)).toEqual({ startMs: 110, endMs: 400, lengthMs: 290 });
    expect(longestGap(log, -300, 400)).toEqual({ startMs: -300, endMs: 10, lengthMs: 310 });
    expect(longestGap(log, 120, 120)).toEqual({ startMs: 120, endMs: 120, lengthMs: 0 });
  });

  test('a weak acknowledgement ends a gap: the client was served', () => {
    expect(longestGap(logOf([{ sent: 1, end: 50, outcome: 'ok-weak' }]), 0, 100).lengthMs).toBe(50);
  });

  test('is no shorter than any gap that a plain search finds, and its inside is empty', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = random(seed);
      let at = 0;
      const writes = Array.from({ length: 50 }, (): Write => {
        at += next() * 100;
        return { sent: at - 1, end: at, outcome: next() < 0.8 ? 'ok' : 'info' };
      });
      const [from, to] = [next() * at, next() * at].toSorted((a, b) => a - b) as [number, number];
      const gap = longestGap(logOf(writes), from, to);
      const times = [
        from,
        ...writes.filter((w) => w.outcome === 'ok' && w.end >= from && w.end <= to).map((w) => w.end),
        to,
      ];
      const plain = Math.max(...times.slice(1).map((time, i) => time - (times[i] ?? 0)));
      expect(gap.lengthMs).toBeCloseTo(plain, 9);
      expect(writes.some((w) => w.outcome === 'ok' && w.end > gap.startMs && w.end < gap.endMs)).toBe(false);
    }
  });
});

describe('firstStableAck', () => {
  const found = (writes: Write[], fault: number, until: number) => firstStableAck(logOf(writes), fault, until);

  test('without an outage it is the first write sent after the fault', () => {
    expect(found(every(10, 0, 20_000), 1005, 20_000)).toEqual({ atMs: 1010, confirmed: true });
  });

  test('after an outage it is the first acknowledgement of the new service', () => {
    const writes = [...every(10, 0, 1000), ...every(10, 6000, 20_000)];
    expect(found(writes, 1000, 20_000)).toEqual({ atMs: 6010 - 10, confirmed: true });
  });

  test('a write sent before the fault proves nothing, however late it is acknowledged', () => {
    const writes = [
      ...every(10, 0, 1000),
      { sent: 990, end: 5000, outcome: 'ok' } as const,
      ...every(10, 5005, 20_000),
    ];
    expect(found(writes, 1000, 20_000)?.atMs).toBe(5005);
  });

  test('a flicker is passed over', () => {
    const flicker = every(10, 3000, 3300);
    const writes = [...every(10, 0, 1000), ...flicker, ...every(10, 7000, 20_000)];
    expect(found(writes, 1000, 20_000)?.atMs).toBe(7000);
  });

  test('a trickle is passed over', () => {
    const writes = [...every(10, 0, 1000), ...every(900, 3000, 9300), ...every(10, 10_250, 20_000)];
    expect(found(writes, 1000, 20_000)?.atMs).toBe(10_250);
  });

  test('failures in between do not count as service', () => {
    const failing = every(10, 1000, 9000).map((w) => ({ ...w, outcome: 'fail' as const }));
    expect(found([...every(10, 0, 990), ...failing, ...every(10, 9010, 20_000)], 995, 20_000)?.atMs).toBe(9010);
  });

  test('is unconfirmed until it was continuous for the whole hold', () => {
    const writes = [...every(10, 0, 1000), ...every(10, 6000, 30_000)];
    expect(found(writes, 1000, 8000)).toEqual({ atMs: 6000, confirmed: false });
    expect(found(writes, 1000, 10_990)).toEqual({ atMs: 6000, confirmed: false });
    expect(found(writes, 1000, 11_010)).toEqual({ atMs: 6000, confirmed: true });
  });

  test('there is none while service is away, or when it went away again', () => {
    expect(found([], 0, 20_000)).toBeUndefined();
    expect(found(every(10, 0, 1000), 1000, 20_000)).toBeUndefined();
    expect(found([...every(10, 0, 1000), ...every(10, 3000, 4000)], 1000, 20_000)).toBeUndefined();
    expect(found(every(10, 0, 1000), 5000, 20_000)).toBeUndefined();
  });

  test('agrees with the definition, read word for word, on random histories', () => {
    const { pauseMs, holdMs, minAcks } = RECOVERY_RULE;
    const plainly = (writes: Write[], fault: number, until: number): number | undefined => {
      const times = writes.filter((w) => w.outcome === 'ok' && w.end >= fault && w.end <= until);
      return times.find((candidate, i) => {
        if (candidate.sent < fault) return false;
        const later = times.slice(i);
        if (later.filter((w) => w.end - candidate.end <= 1000).length - 1 < minAcks) return false;
        const marks = [...later.map((w) => w.end), until];
        return marks.every((mark, j) => {
          const previous = marks[j - 1] ?? candidate.end;
          return previous >= candidate.end + holdMs || mark - previous <= pauseMs;
        });
      })?.end;
    };
    let some = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const next = random(seed);
      let at = 0;
      const writes: Write[] = [];
      while (at < 20_000) {
        at += next() < 0.02 ? next() * 4000 : next() * 150;
        writes.push({ sent: at - next() * 300, end: at, outcome: next() < 0.85 ? 'ok' : 'fail' });
      }
      const fault = next() * 10_000;
      const until = fault + next() * (at - fault);
      const expected = plainly(writes, fault, until);
      expect(firstStableAck(logOf(writes), fault, until)?.atMs, `seed ${seed}`).toBe(expected);
      if (expected !== undefined) some++;
    }
    expect(some).toBeGreaterThan(50);
    expect(some).toBeLessThan(290);
  });
});

describe('latencyFromDue', () => {
  test('counts from the time a write was due, over acknowledged writes only', () => {
    const log = new Completions();
    for (let i = 1; i <= 100; i++) {
      log.push({
        writer: 0,
        seq: i,
        outcome: 'ok',
        dueMs: 1000,
        sentMs: 1000 + i - 1,
        endMs: 1000 + i,
        origin: 0,
        lsn: 0,
      });
    }
    log.push({ writer: 0, seq: 0, outcome: 'info', dueMs: 0, sentMs: 0, endMs: 1200, origin: 0, lsn: 0 });
    expect(latencyFromDue(log, 0, 2000)).toEqual({ count: 100, p50Ms: 50, p99Ms: 99, maxMs: 100 });
    expect(latencyFromDue(log, 1100, 2000)).toEqual({ count: 1, p50Ms: 100, p99Ms: 100, maxMs: 100 });
    expect(latencyFromDue(log, 1101, 2000)).toBeUndefined();
  });
});
