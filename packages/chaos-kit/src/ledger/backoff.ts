/** Shortest and longest pause before a writer tries again, in ms. The longest bounds how late a recovered service is noticed. */
export const BACKOFF_MS = { first: 20, most: 250 } as const;

/**
 * Pause before attempt `failures + 1`, in ms: doubles from 20 ms to 250 ms, with equal jitter (half fixed, half random) so
 * that writers which failed together do not come back together.
 */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  if (failures <= 0) return 0;
  const ceiling = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(failures - 1, 16));
  return ceiling / 2 + (random() * ceiling) / 2;
}
