import { expect, test } from 'vitest';
import { clockOffset } from './clock-offset.ts';

const sample = (sentMs: number, tripMs: number, monotonicMs: number) => ({
  sentMs,
  answeredMs: sentMs + tripMs,
  monotonicMs,
});

test('one clock on one host is exact', () => {
  // the other clock is 1000 ahead of ours, and was read 0.3 ms after the question
  expect(clockOffset([sample(5, 9, 1008), sample(50, 1, 1050.3)], -1000)).toEqual({
    shiftMs: -1000,
    shared: true,
    uncertaintyMs: 0,
  });
});

test('another clock is known to within half of the quickest round trip', () => {
  const offset = clockOffset([sample(5, 40, 7000), sample(50, 2, 7051)], -1000);
  expect(offset).toEqual({ shiftMs: -7000, shared: false, uncertaintyMs: 1 });
});

test('without a sample nothing can be said', () => {
  expect(() => clockOffset([], 0)).toThrow(RangeError);
});
