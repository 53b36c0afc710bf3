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

  test('with a pager keeps 32 chunks in memory, and reads the others again in any order', () => {
    let position = 0;
    const reads: number[] = [];
    const log = new Completions({
      position: () => position,
      read(from, count, push) {
        reads.push(from);
        for (let i = from; i < from + count; i++) push(completion(i, { seq: i, count: 5 }));
      },
    });
    for (; position < 34 * 16_384 + 10; position++) log.push(completion(position, { seq: position, count: 5 }));
    expect(reads).toEqual([]);
    for (const i of [34 * 16_384 + 9, 16_384, 16_385, 0, 20_000, 4 * 16_384]) {
      expect(log.at(i)).toMatchObject({ seq: i, endMs: i, count: 5 });
    }
    // 35 chunks: the oldest three were not there; then the oldest of those that were had to go for them
    expect(reads).toEqual([16_384, 0, 4 * 16_384]);
    expect(log.firstAtOrAfter(2 * 16_384 + 0.5)).toBe(2 * 16_384 + 1);
  });

  test('finds the first at or after a time', () => {
    const log = new Completions();
    expect(log.firstAtOrAfter(5)).toBe(0);
    for (const ms of [1, 2, 2, 2, 7]) log.push(completion(ms));
    expect([0, 1, 1.5, 2, 3, 7, 8].map((ms) => log.firstAtOrAfter(ms))).toEqual([0, 0, 1, 1, 4, 4, 5]);
  });
});
