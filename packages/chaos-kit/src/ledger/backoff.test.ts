import { expect, test } from 'vitest';
import { backoffMs, BACKOFF_MS } from './backoff.ts';

test('backoff grows to its bound, keeps at least half of it, and is none without a failure', () => {
  expect(backoffMs(0)).toBe(0);
  const lows = Array.from({ length: 50 }, (_, i) => backoffMs(i + 1, () => 0));
  const highs = Array.from({ length: 50 }, (_, i) => backoffMs(i + 1, () => 1));
  expect(highs.slice(0, 6)).toEqual([20, 40, 80, 160, 250, 250]);
  expect(
    Math.max(
      ...highs,
      backoffMs(1e9, () => 1),
    ),
  ).toBe(BACKOFF_MS.most);
  lows.forEach((low, i) => expect(low).toBe((highs[i] ?? 0) / 2));
});
