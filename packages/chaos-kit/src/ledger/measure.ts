import type { Stalls } from '../observers/stalls.ts';
import type { Completions } from './completions.ts';
import { RECOVERY_RULE, firstStableAck, longestGap } from './service-times.ts';
import type { Gap, RecoveryRule } from './service-times.ts';

/** The longest time without an acknowledgement, as the clients saw it. */
export interface WriteGap extends Gap {
  /**
   * The length is known to within this, in ms: the largest of the interval between due writes, the longest stall of our own
   * process, and the time before the end in which every writer may have been waiting for a server that was gone without a
   * word, while another was ready. A write that was under way and was acknowledged later is no such wait.
   */
  readonly resolutionMs: number;
  /** Set when the number must not be used, with the reason. */
  readonly unreliable?: string;
}

/** When writes came back after a fault, as the clients saw it. */
export interface WriteRecovery {
  /** From the fault to the first stable acknowledgement, in ms; absent when there was none. */
  readonly recoveryMs?: number;
  /** The acknowledgement was followed by 5 s of continuous service; false while that time has not passed. */
  readonly confirmed: boolean;
  /** As that of a write gap. */
  readonly resolutionMs: number;
  /** Set when the number must not be used, with the reason. */
  readonly unreliable?: string;
}

/** What measuring needs of a run. */
export interface MeasureContext {
  readonly log: Completions;
  readonly eventLoop: Pick<Stalls, 'longestStallMs'>;
  /** Writes per second that were due; `undefined` in a closed loop. */
  readonly rate: number | undefined;
  /** To what the clock of the writers is known, in ms. Default 0. */
  readonly uncertaintyMs?: number | undefined;
}

/** A stall of our own is tolerated up to this, in ms, or up to a tenth of what is measured; below that it widens the resolution. */
const TOLERATED_STALL_MS = 500;
const TOLERATED_STALL_SHARE = 0.1;

/** Pauses up to this, in ms, are the ordinary jitter of a busy server. */
const NOTICED_PAUSE_MS = 100;

/** The longest gap in `[fromMs, toMs]` with its resolution. */
export function measureWriteGap(context: MeasureContext, fromMs: number, toMs: number): WriteGap {
  const gap = longestGap(context.log, fromMs, toMs);
  return { ...gap, ...quality(context, gap.startMs, gap.endMs) };
}

/**
 * The recovery after `faultAtMs` from what was observed until `untilMs`. It ends with the first stable acknowledgement, but
 * not before the longest pause has: a fault takes effect a little after it was asked for, and an outage may be shorter than
 * what the rule of stability looks for.
 */
export function measureRecovery(context: MeasureContext, faultAtMs: number, untilMs: number): WriteRecovery {
  const { log, rate = Infinity } = context;
  const rule: RecoveryRule = { ...RECOVERY_RULE, minAcks: Math.min(RECOVERY_RULE.minAcks, Math.floor(rate / 2)) };
  const ack = firstStableAck(log, faultAtMs, untilMs, rule);
  if (ack === undefined) return { confirmed: false, ...quality(context, faultAtMs, untilMs) };
  const lastAckMs = lastAckUntil(log, Math.min(untilMs, ack.atMs + rule.holdMs)) ?? ack.atMs;
  const pause = longestGap(log, faultAtMs, lastAckMs);
  const endMs = pause.lengthMs > NOTICED_PAUSE_MS ? Math.max(ack.atMs, pause.endMs) : ack.atMs;
  return { recoveryMs: endMs - faultAtMs, confirmed: ack.confirmed, ...quality(context, faultAtMs, endMs) };
}

function lastAckUntil(log: Completions, ms: number): number | undefined {
  for (let i = log.firstAtOrAfter(ms); i >= 0; i--) {
    if (i < log.length && log.acknowledged(i) && log.endMs(i) <= ms) return log.endMs(i);
  }
  return undefined;
}

/** Time between two writes, in ms: by schedule, or on average over the run in a closed loop. */
function stepMs({ log, rate }: MeasureContext, fallbackMs: number): number {
  if (rate !== undefined) return 1000 / rate;
  return log.length < 2 ? fallbackMs : (log.endMs(log.length - 1) - log.endMs(0)) / (log.length - 1);
}

/**
 * For how long before `endMs` service may have been back without anybody noticing, in ms: from the begin of the last attempt
 * that failed until a write was under way that the server did acknowledge, if only later. 0 when nothing failed since `startMs`.
 */
function unprobedMs(log: Completions, startMs: number, endMs: number): number {
  let lastMs = -Infinity;
  let servedMs = endMs;
  for (let i = log.firstAtOrAfter(startMs); i < log.length; i++) {
    const sentMs = log.sentMs(i);
    if (sentMs > endMs) continue;
    if (!log.acknowledged(i)) lastMs = Math.max(lastMs, startMs, sentMs);
    else if (log.endMs(i) >= endMs) servedMs = Math.min(servedMs, sentMs);
  }
  return lastMs === -Infinity ? 0 : Math.max(0, servedMs - lastMs);
}

function quality(context: MeasureContext, startMs: number, endMs: number) {
  const stall = context.eventLoop.longestStallMs(startMs, endMs);
  const stepOrStall = Math.max(stepMs(context, endMs - startMs), stall, unprobedMs(context.log, startMs, endMs));
  const resolutionMs = stepOrStall + (context.uncertaintyMs ?? 0);
  const tolerated = Math.max(TOLERATED_STALL_MS, (endMs - startMs) * TOLERATED_STALL_SHARE);
  if (stall <= tolerated) return { resolutionMs };
  return { resolutionMs, unreliable: `our own process stalled for ${Math.round(stall)} ms in that time` };
}
