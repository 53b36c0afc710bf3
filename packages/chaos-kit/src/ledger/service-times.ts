import type { Completions } from './completions.ts';

/** An interval without an acknowledgement. Times are `performance.now()`, in ms. */
export interface Gap {
  readonly startMs: number;
  readonly endMs: number;
  readonly lengthMs: number;
}

/**
 * The longest interval inside `[fromMs, toMs]` in which no write was acknowledged. The borders of the window count as its
 * ends: a window without any acknowledgement is one gap.
 */
export function longestGap(log: Completions, fromMs: number, toMs: number): Gap {
  let previous = fromMs;
  let start = fromMs;
  let length = -1;
  const close = (ms: number): void => {
    if (ms - previous > length) {
      length = ms - previous;
      start = previous;
    }
    previous = ms;
  };
  for (let i = log.firstAtOrAfter(fromMs); i < log.length && log.endMs(i) <= toMs; i++) {
    if (log.acknowledged(i)) close(log.endMs(i));
  }
  if (toMs >= previous) close(toMs);
  return { startMs: start, endMs: start + Math.max(0, length), lengthMs: Math.max(0, length) };
}

/** When service counts as back. */
export interface RecoveryRule {
  /** A pause longer than this ends a recovery that had begun, in ms. Default 1 000. */
  readonly pauseMs: number;
  /** For how long there must be no such pause, in ms. Default 5 000. */
  readonly holdMs: number;
  /** How many acknowledgements must follow within a second. Default 10, less when the rate is lower than 20/s. */
  readonly minAcks: number;
}

/** The rule of this project: a stable acknowledgement has 10 more within 1 s and no pause over 1 s in the next 5 s. */
export const RECOVERY_RULE: RecoveryRule = { pauseMs: 1000, holdMs: 5000, minAcks: 10 };

/** First stable acknowledgement after a fault. */
export interface StableAck {
  /** When it was received. */
  readonly atMs: number;
  /** False when the observation ended before `holdMs` had passed: it may still turn out to be a flicker. */
  readonly confirmed: boolean;
}

/**
 * Finds the first acknowledgement of a write that was *sent after* `faultAtMs` and after which service is continuous by
 * `rule`, looking at what was observed until `untilMs`. `undefined` when there is none.
 */
export function firstStableAck(
  log: Completions,
  faultAtMs: number,
  untilMs: number,
  rule: RecoveryRule = RECOVERY_RULE,
): StableAck | undefined {
  const nextAck = (from: number): number => {
    for (let i = from; i < log.length; i++) {
      if (log.endMs(i) > untilMs) return -1;
      if (log.acknowledged(i)) return i;
    }
    return -1;
  };
  const nextCandidate = (from: number): number => {
    let i = nextAck(from);
    while (i >= 0 && log.sentMs(i) < faultAtMs) i = nextAck(i + 1);
    return i;
  };
  const dense = (candidate: number): boolean => {
    let i = candidate;
    for (let n = 0; n < rule.minAcks; n++) {
      i = nextAck(i + 1);
      if (i < 0 || log.endMs(i) - log.endMs(candidate) > 1000) return false;
    }
    return true;
  };

  let candidate = nextCandidate(log.firstAtOrAfter(faultAtMs));
  let probe = candidate;
  while (candidate >= 0) {
    const holdEnds = log.endMs(candidate) + rule.holdMs;
    // -1 while no pause is found; otherwise where to look for the next candidate
    let afterPause = -1;
    let observedEnd = false;
    for (;;) {
      const next = nextAck(probe + 1);
      const nextMs = next < 0 ? untilMs : log.endMs(next);
      if (nextMs - log.endMs(probe) > rule.pauseMs && log.endMs(probe) < holdEnds) {
        afterPause = next < 0 ? log.length : next;
        break;
      }
      if (next < 0 || nextMs >= holdEnds) {
        observedEnd = next < 0;
        break;
      }
      probe = next;
    }
    if (afterPause >= 0) candidate = nextCandidate(afterPause);
    else if (!dense(candidate)) candidate = nextCandidate(candidate + 1);
    else return { atMs: log.endMs(candidate), confirmed: !observedEnd || untilMs >= holdEnds };
    probe = Math.max(probe, candidate);
  }
  return undefined;
}

/** Latency of acknowledged writes, in ms, counted from the time they were due: an outage shows in it even when nothing was sent. */
export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Exact percentiles (nearest rank) over the writes acknowledged in `[fromMs, toMs]`; `undefined` when there were none. */
export function latencyFromDue(log: Completions, fromMs: number, toMs: number): LatencySummary | undefined {
  const first = log.firstAtOrAfter(fromMs);
  const values = new Float64Array(log.firstAtOrAfter(toMs) - first);
  let count = 0;
  for (let i = first; count < values.length && i < log.length && log.endMs(i) <= toMs; i++) {
    if (log.acknowledged(i)) values[count++] = log.endMs(i) - log.dueMs(i);
  }
  if (count === 0) return undefined;
  const sorted = values.subarray(0, count).sort();
  const rank = (p: number): number => sorted[Math.min(count - 1, Math.ceil(p * count) - 1)] ?? 0;
  return { count, p50Ms: rank(0.5), p99Ms: rank(0.99), maxMs: rank(1) };
}
