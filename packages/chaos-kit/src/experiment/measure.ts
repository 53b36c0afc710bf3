import type { ActiveFault } from '../faults/active-fault.ts';
import type { WriteGap, WriteRecovery } from '../ledger/index.ts';
import {
  blindWithin,
  type BlindStretch,
  type ClusterSample,
  countPromotions,
  detectedAt,
  promotedAt,
  sampleAt,
} from './cluster-sample.ts';
import type { ExperimentRun } from './experiment-run.ts';

/** What a run is computed from. */
export interface Measured {
  readonly fault: ActiveFault;
  readonly samples: readonly ClusterSample[];
  readonly blind: readonly BlindStretch[];
  /** End of the measured window, `performance.now()`. */
  readonly endMs: number;
  readonly healedAtMs: number;
  readonly converged?: { readonly atMs: number; readonly resolutionMs: number } | undefined;
  readonly recovery?: WriteRecovery | undefined;
  readonly writeGap?: WriteGap | undefined;
}

/** Computes the numbers of a run. */
export function measureRun(measured: Measured): ExperimentRun {
  const { fault, samples, endMs, converged, recovery, writeGap } = measured;
  const faultAtMs = fault.injectedAtMs;
  const before = sampleAt(samples, faultAtMs);
  const after = sampleAt(samples, endMs);
  const blind = blindWithin(measured.blind, faultAtMs, endMs);
  const detected = detectedAt(samples, faultAtMs);
  const promoted = promotedAt(samples, faultAtMs);
  const writes = [...new Set([recovery?.unreliable, writeGap?.unreliable])].filter((why) => why !== undefined);
  const since = (atMs: number | undefined) => (atMs === undefined ? undefined : atMs - faultAtMs);
  return {
    faults: [fault],
    faultAtMs,
    effectSeenAtMs: fault.evidence.atMs,
    healedAtMs: measured.healedAtMs,
    promotions: countPromotions(samples, faultAtMs, endMs),
    blind,
    doubts: { writes, promotions: blindAtEnd(blind, endMs) },
    uncertain: [
      ...blind.map(
        ({ fromMs, toMs }) =>
          `the watch on the Cluster saw nothing for ${Math.round(toMs - fromMs)} ms from ${Math.round(fromMs - faultAtMs)} ms after the fault: what changed then was seen late`,
      ),
      ...writes,
    ],
    ...defined({
      detectedMs: since(detected),
      detectedResolutionMs: longestBlind(blind, faultAtMs, detected),
      promotedMs: since(promoted),
      promotedResolutionMs: longestBlind(blind, faultAtMs, promoted),
      // a recovery that was not confirmed may be a flicker
      recoveryMs: recovery?.confirmed === true ? recovery.recoveryMs : undefined,
      recoveryResolutionMs: recovery?.confirmed === true ? recovery.resolutionMs : undefined,
      writeGapMs: writeGap?.lengthMs,
      writeGapResolutionMs: writeGap?.resolutionMs,
      convergedMs: since(converged?.atMs),
      convergedResolutionMs: converged?.resolutionMs,
      timelineBefore: before?.timelineId,
      timelineAfter: after?.timelineId,
      primaryBefore: before?.currentPrimary,
      primaryAfter: after?.currentPrimary,
    }),
  };
}

/** A promotion in a blind stretch shows in the timeline of the next sample; without a next sample it may be hidden. */
function blindAtEnd(blind: readonly BlindStretch[], endMs: number): string[] {
  const last = blind.find((stretch) => stretch.toMs >= endMs);
  if (last === undefined) return [];
  const length = Math.round(endMs - last.fromMs);
  return [`the watch on the Cluster has seen nothing for the last ${length} ms: a promotion may be missing`];
}

function longestBlind(blind: readonly BlindStretch[], fromMs: number, toMs: number | undefined): number | undefined {
  if (toMs === undefined) return undefined;
  const lengths = blindWithin(blind, fromMs, toMs).map(
    (stretch) => Math.min(stretch.toMs, toMs) - Math.max(stretch.fromMs, fromMs),
  );
  return lengths.length === 0 ? undefined : Math.max(...lengths);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
