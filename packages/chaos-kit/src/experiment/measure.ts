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
  const since = (atMs: number | undefined) => (atMs === undefined ? undefined : atMs - faultAtMs);
  return {
    faults: [fault],
    faultAtMs,
    effectSeenAtMs: fault.evidence.atMs,
    healedAtMs: measured.healedAtMs,
    promotions: countPromotions(samples, faultAtMs, endMs),
    blind,
    uncertain: [
      ...blind.map(
        ({ fromMs, toMs }) =>
          `the watch on the Cluster saw nothing for ${Math.round(toMs - fromMs)} ms from ${Math.round(fromMs - faultAtMs)} ms after the fault: detection, promotion and their count may be off`,
      ),
      ...[...new Set([recovery?.unreliable, writeGap?.unreliable])].filter((text) => text !== undefined),
    ],
    ...defined({
      detectedMs: since(detectedAt(samples, faultAtMs)),
      promotedMs: since(promotedAt(samples, faultAtMs)),
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

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
