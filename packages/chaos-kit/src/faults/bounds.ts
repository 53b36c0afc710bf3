/** A latency is as asked for within 15 % or 2 ms, whichever is more. */
export function latencyFits(askedMs: number, seenMs: number): boolean {
  return Math.abs(seenMs - askedMs) <= Math.max(0.15 * askedMs, 2);
}

/**
 * A loss is as asked for when it lies within the binomial bound: 3.3 standard deviations, outside of which one honest
 * measurement of a thousand falls.
 */
export function lossFits(percent: number, sent: number, lost: number): boolean {
  const p = percent / 100;
  return Math.abs(lost - sent * p) <= 3.3 * Math.sqrt(sent * p * (1 - p));
}

/** A rate is as asked for within 15 %: what is measured is the payload, a few per cent less than what passes. */
export function rateFits(asked: number, seen: number): boolean {
  return Math.abs(seen - asked) <= 0.15 * asked;
}

/** At most so many times more or less than asked for. */
export function withinFactor(factor: number, asked: number, seen: number): boolean {
  return seen >= asked / factor && seen <= asked * factor;
}
