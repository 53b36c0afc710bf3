import { describe, expect, test } from 'vitest';
import { latencyFits, lossFits, rateFits, withinFactor } from './bounds.ts';

describe('a measured latency fits', () => {
  test.each([
    [100, 100.1, true],
    [100, 114, true],
    [100, 116, false],
    [100, 84, false],
    [10, 11.9, true],
    [10, 12.1, false],
    [10, 7.9, false],
  ])('%d ms asked, %d ms seen: %s', (asked, seen, fits) => {
    expect(latencyFits(asked, seen)).toBe(fits);
  });
});

describe('a measured loss fits', () => {
  test.each([
    [5, 2000, 100, true],
    [5, 2000, 132, true],
    [5, 2000, 140, false],
    [5, 2000, 60, false],
    [1, 2000, 20, true],
    [1, 2000, 0, false],
    [50, 2000, 1000, true],
    [50, 2000, 900, false],
  ])('%d %% of %d asked, %d lost: %s', (percent, sent, lost, fits) => {
    expect(lossFits(percent, sent, lost)).toBe(fits);
  });
});

test.each([
  [10e6, 9.4e6, true],
  [10e6, 8.4e6, false],
  [10e6, 11.6e6, false],
])('%d bit/s asked, %d seen: %s', (asked, seen, fits) => {
  expect(rateFits(asked, seen)).toBe(fits);
});

test.each([
  [50, 34, true],
  [50, 33, false],
  [50, 75, true],
  [50, 76, false],
])('%d asked, %d seen within a factor of 1.5: %s', (asked, seen, fits) => {
  expect(withinFactor(1.5, asked, seen)).toBe(fits);
});
