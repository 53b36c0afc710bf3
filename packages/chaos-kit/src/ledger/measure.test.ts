import { describe, expect, test } from 'vitest';
import { Completions } from './completions.ts';
import { measureRecovery, measureWriteGap } from './measure.ts';

function context(times: number[], rate: number | undefined, stallMs = 0) {
  const log = new Completions();
  for (const endMs of times) {
    log.push({ writer: 0, seq: 0, outcome: 'ok', dueMs: endMs, sentMs: endMs, endMs, origin: 0 });
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
    expect(measureWriteGap(context(times, undefined), 0, 1000).resolutionMs).toBeCloseTo(2, 1);
  });

  test('is refused when our own stall is more than a tenth of it and more than 250 ms', () => {
    expect(measureWriteGap(context(times, 500, 390), 0, 9000).unreliable).toBeUndefined();
    expect(measureWriteGap(context(times, 500, 410), 0, 9000).unreliable).toContain('stalled for 410 ms');
    expect(measureWriteGap(context(times, 500, 240), 0, 900).unreliable).toBeUndefined();
    expect(measureWriteGap(context(times, 500, 260), 0, 900).unreliable).toBeDefined();
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
