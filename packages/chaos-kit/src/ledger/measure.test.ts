import { describe, expect, test } from 'vitest';
import { Completions } from './completions.ts';
import { measureRecovery, measureWriteGap } from './measure.ts';

function context(
  times: number[],
  rate: number | undefined,
  stallMs = 0,
  failures: { sent: number; end: number }[] = [],
) {
  const log = new Completions();
  const all = [
    ...times.map((endMs) => ({ outcome: 'ok' as const, sentMs: endMs, endMs })),
    ...failures.map(({ sent, end }) => ({ outcome: 'info' as const, sentMs: sent, endMs: end })),
  ];
  for (const it of all.toSorted((a, b) => a.endMs - b.endMs)) {
    log.push({ writer: 0, seq: 0, dueMs: it.sentMs, origin: 0, lsn: 0, ...it });
  }
  return { log, rate, eventLoop: { longestStallMs: () => stallMs } };
}
const every = (step: number, from: number, to: number) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);

describe('measureWriteGap', () => {
  const times = [...every(2, 0, 1000), ...every(2, 5000, 9000)];

  test('resolution is the interval of due writes, or the stall when that was longer', () => {
    expect(measureWriteGap(context(times, 500), 0, 9000)).toEqual({
      startMs: 1000,
      endMs: 5000,
      lengthMs: 4000,
      resolutionMs: 2,
    });
    expect(measureWriteGap(context(times, 500, 40), 0, 9000).resolutionMs).toBe(40);
    expect(measureWriteGap(context(every(2, 0, 1000), undefined), 0, 1000).resolutionMs).toBeCloseTo(2, 6);
  });

  test('resolution tells how long nobody had tried before the gap ended', () => {
    const gapWith = (...failures: { sent: number; end: number }[]) =>
      measureWriteGap(context(times, 500, 0, failures), 0, 9000).resolutionMs;
    expect(gapWith({ sent: 999, end: 4990 })).toBe(4000); // stuck all the time, given up just before
    expect(gapWith({ sent: 999, end: 4990 }, { sent: 4100, end: 4200 })).toBe(900);
    expect(gapWith({ sent: 4970, end: 14_970 })).toBe(30); // still stuck when others were served again
    expect(gapWith({ sent: 6000, end: 6100 })).toBe(2); // after the gap
    expect(gapWith({ sent: 10, end: 20 })).toBe(2); // before it
  });

  test('a write that was under way when the gap ended, and was acknowledged, shows that service was not back before', () => {
    const at = context(times, 500, 0, [{ sent: 999, end: 4990 }]);
    expect(measureWriteGap(at, 0, 9000).resolutionMs).toBe(4000);
    at.log.push({ writer: 0, seq: 0, outcome: 'ok', dueMs: 2500, sentMs: 2500, endMs: 9000, origin: 0, lsn: 0 });
    expect(measureWriteGap(at, 0, 9000).resolutionMs).toBe(1500);
    at.log.push({ writer: 0, seq: 0, outcome: 'ok', dueMs: 900, sentMs: 900, endMs: 9000, origin: 0, lsn: 0 });
    expect(measureWriteGap(at, 0, 9000).resolutionMs).toBe(2);
  });

  test('is refused when our own stall is more than a tenth of it and more than 500 ms', () => {
    const long = [0, 9000];
    expect(measureWriteGap(context(long, 500, 890), 0, 9000).unreliable).toBeUndefined();
    expect(measureWriteGap(context(long, 500, 910), 0, 9000).unreliable).toContain('stalled for 910 ms');
    expect(measureWriteGap(context(times, 500, 490), 0, 900).unreliable).toBeUndefined();
    expect(measureWriteGap(context(times, 500, 510), 0, 900).unreliable).toBeDefined();
  });
});

describe('measureRecovery', () => {
  test('is the end of an outage that began a little after the fault was asked for, however short', () => {
    const times = [...every(2, 0, 1050), ...every(2, 1300, 9000)];
    expect(measureRecovery(context(times, 500), 1000, 9000)).toMatchObject({ recoveryMs: 300, confirmed: true });
  });

  test('is the first write after the fault when there was no outage', () => {
    expect(measureRecovery(context(every(2, 0, 9000), 500), 1001, 9000).recoveryMs).toBe(1);
  });

  test('a hiccup after a longer outage does not move it', () => {
    const times = [...every(2, 0, 1000), ...every(2, 5000, 6000), ...every(2, 6400, 20_000)];
    expect(measureRecovery(context(times, 500), 1000, 20_000)).toMatchObject({ recoveryMs: 4000, confirmed: true });
  });

  test('a slow rate can recover too, and no service is no number', () => {
    const slow = [...every(500, 0, 2000), ...every(500, 6000, 20_000)];
    expect(measureRecovery(context(slow, 2), 2000, 20_000)).toMatchObject({ recoveryMs: 4000, resolutionMs: 500 });
    expect(measureRecovery(context(slow, 2), 2000, 5000)).toEqual({ confirmed: false, resolutionMs: 500 });
  });

  test('never ends before the longest gap that follows the fault does', () => {
    const times = [...every(2, 0, 1100), ...every(2, 1900, 2500), ...every(2, 4000, 20_000)];
    const at = context(times, 500);
    const recovery = measureRecovery(at, 1000, 20_000);
    expect(1000 + (recovery.recoveryMs ?? 0)).toBeGreaterThanOrEqual(measureWriteGap(at, 1000, 20_000).endMs);
  });
});
