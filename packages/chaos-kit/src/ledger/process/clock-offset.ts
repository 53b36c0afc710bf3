import type { ClockOffset } from './messages.ts';

/** The clock that all processes of a host share (CLOCK_MONOTONIC), in ms. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Two readings closer together than this, in ms, are as good as it gets. */
const CLOSE_MS = 0.01;

/**
 * How far the clock of the host is ahead of `performance.now()` of this process, in ms. The two cannot be read at once, and a
 * busy host may take the processor away in between, so the closest of some readings counts.
 */
export function monotonicAheadMs(): number {
  let best = { aheadMs: 0, apartMs: Infinity };
  for (let i = 0; i < 50 && best.apartMs > CLOSE_MS; i++) {
    const beforeMs = performance.now();
    const hostMs = monotonicMs();
    const afterMs = performance.now();
    const apartMs = afterMs - beforeMs;
    if (apartMs < best.apartMs) best = { aheadMs: hostMs - (beforeMs + afterMs) / 2, apartMs };
  }
  return best.aheadMs;
}

/** One question for the other clock: when it was sent and answered on ours, and what the other one said, in ms. */
export interface ClockSample {
  readonly sentMs: number;
  readonly answeredMs: number;
  readonly monotonicMs: number;
}

/**
 * What to add to the other clock to be on `performance.now()` of this process: by the quickest answer, which lies in the
 * middle of its round trip to within half of it. When that agrees with both processes reading the clock of one host, as
 * `sharedShiftMs` says, it is exact. @throws RangeError without samples.
 */
export function clockOffset(samples: readonly ClockSample[], sharedShiftMs: number): ClockOffset {
  const [best] = samples.toSorted((a, b) => a.answeredMs - a.sentMs - (b.answeredMs - b.sentMs));
  if (best === undefined) throw new RangeError('a clock needs at least one sample');
  const uncertaintyMs = (best.answeredMs - best.sentMs) / 2;
  const shiftMs = (best.sentMs + best.answeredMs) / 2 - best.monotonicMs;
  if (Math.abs(shiftMs - sharedShiftMs) <= uncertaintyMs) {
    return { shiftMs: sharedShiftMs, shared: true, uncertaintyMs: 0 };
  }
  return { shiftMs, shared: false, uncertaintyMs };
}
