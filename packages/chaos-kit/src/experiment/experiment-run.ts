import type { ActiveFault } from '../faults/active-fault.ts';
import type { BlindStretch } from './cluster-sample.ts';

/**
 * What one `withX` measured. Times ending in `AtMs` are `performance.now()`, durations count from the fault. A missing
 * number was not measured, which is not the same as zero.
 */
export interface ExperimentRun {
  readonly faults: readonly ActiveFault[];
  /** When the engine was told to act; the effect begins between this and `effectSeenAtMs`. */
  readonly faultAtMs: number;
  /** When the evidence of the effect was first seen. */
  readonly effectSeenAtMs: number;
  /** When the evidence of healing was seen. */
  readonly healedAtMs: number;
  /** Until the operator showed that it noticed: another target primary, or a phase other than healthy. */
  readonly detectedMs?: number;
  /** `detectedMs` may be late by up to this, because the watch on the Cluster saw nothing for a while. Missing: it saw all. */
  readonly detectedResolutionMs?: number;
  /** Until another instance reported itself as primary. */
  readonly promotedMs?: number;
  /** `promotedMs` may be late by up to this. Missing: the watch saw all. */
  readonly promotedResolutionMs?: number;
  /** Until stable writes, from the ledger. Close to 0 when no write was disturbed. */
  readonly recoveryMs?: number;
  /** `recoveryMs` is not known better than this. */
  readonly recoveryResolutionMs?: number;
  /** Longest time without an acknowledged write from the fault on, from the ledger. */
  readonly writeGapMs?: number;
  /** The write gap is not known better than this. */
  readonly writeGapResolutionMs?: number;
  /** Until the cluster was healthy by every measure again. */
  readonly convergedMs?: number;
  /** `convergedMs` is looked at this often. */
  readonly convergedResolutionMs?: number;
  readonly promotions: number;
  readonly timelineBefore?: number;
  readonly timelineAfter?: number;
  readonly primaryBefore?: string;
  readonly primaryAfter?: string;
  /** When the watch on the Cluster saw nothing. No promotion is missed in it, since the timeline counts them; times may be late. */
  readonly blind: readonly BlindStretch[];
  /** Why numbers cannot be trusted, as sentences; empty when they can. */
  readonly doubts: {
    /** About `recoveryMs` and `writeGapMs`. */
    readonly writes: readonly string[];
    /** About `promotions`. */
    readonly promotions: readonly string[];
  };
  /** Everything that limits what can be said, for people: one sentence for each blind stretch, then the doubts about writes. */
  readonly uncertain: readonly string[];
}
