import { describe, expect, test } from 'vitest';
import { Completions } from './completions.ts';
import type { Completion } from './completions.ts';

const completion = (endMs: number, over: Partial<Completion> = {}): Completion => ({
  writer: 3,
  seq: 70_000,
  outcome: 'ok',
  dueMs: endMs - 2,
  sentMs: endMs - 1,
  endMs,
  origin: 1,
  lsn: 0,
  ...over,
});

describe('Completions', () => {
  test('returns what was pushed, across chunks', () => {
    const log = new Completions();
    const outcomes = ['ok', 'ok-weak', 'fail', 'info'] as const;
    for (let i = 0; i < 40_000; i++) {
      log.push(completion(i / 4, { seq: i, writer: i % 256, outcome: outcomes[i % 4] ?? 'info' }));
    }
    expect(log.length).toBe(40_000);
    for (const i of [0, 1, 16_383, 16_384, 16_385, 39_999]) {
      const c = log.at(i);
      expect(c).toMatchObject({ seq: i, writer: i % 256, outcome: outcomes[i % 4], endMs: i / 4, origin: 1, lsn: 0 });
      expect(c.sentMs).toBeCloseTo(i / 4 - 1, 3);
      expect(c.dueMs).toBeCloseTo(i / 4 - 2, 3);
      expect(log.acknowledged(i)).toBe(i % 4 <= 1);
    }
    expect(() => log.at(40_000 + 16_384)).toThrow(RangeError);
  });

  test('finds the first at or after a time', () => {
    const log = new Completions();
    expect(log.firstAtOrAfter(5)).toBe(0);
    for (const ms of [1, 2, 2, 2, 7]) log.push(completion(ms));
    expect([0, 1, 1.5, 2, 3, 7, 8].map((ms) => log.firstAtOrAfter(ms))).toEqual([0, 0, 1, 1, 4, 4, 5]);
  });
});
