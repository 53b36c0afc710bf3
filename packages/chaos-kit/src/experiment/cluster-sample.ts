import type { Cluster } from '@cnpg-chaos/cnpg-utils';

/** What the Cluster's status said from `atMs` on. */
export interface ClusterSample {
  /** When it was seen, `performance.now()`. */
  readonly atMs: number;
  readonly phase: string | undefined;
  readonly currentPrimary: string | undefined;
  readonly targetPrimary: string | undefined;
  readonly timelineId: number | undefined;
  readonly readyInstances: number | undefined;
}

/** A stretch in which status changes could not be seen when they happened. */
export interface BlindStretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** `status.phase` of a cluster at rest. */
export const healthyPhase = 'Cluster in healthy state';

/** Takes the fields of interest out of a Cluster. */
export function sampleOf(cluster: Cluster, atMs: number): ClusterSample {
  const status = cluster.status;
  return {
    atMs,
    phase: status?.phase,
    currentPrimary: status?.currentPrimary,
    targetPrimary: status?.targetPrimary,
    timelineId: status?.timelineID,
    readyInstances: status?.readyInstances,
  };
}

/** Whether two samples say the same. */
export function sameState(a: ClusterSample, b: ClusterSample): boolean {
  return (
    a.phase === b.phase &&
    a.currentPrimary === b.currentPrimary &&
    a.targetPrimary === b.targetPrimary &&
    a.timelineId === b.timelineId &&
    a.readyInstances === b.readyInstances
  );
}

/** The sample in force at a point in time. */
export function sampleAt(samples: readonly ClusterSample[], atMs: number): ClusterSample | undefined {
  return samples.findLast((sample) => sample.atMs <= atMs);
}

/** Stretches that overlap a window. */
export function blindWithin(blind: readonly BlindStretch[], fromMs: number, toMs: number): BlindStretch[] {
  return blind.filter((stretch) => stretch.fromMs <= toMs && stretch.toMs >= fromMs);
}

/**
 * How often a primary was promoted in a window. `currentPrimary` is written by the promoted instance after it was
 * promoted, and each promotion starts a timeline, so both are counted and the larger number wins: an instance that is
 * promoted twice in a row changes only the timeline, and a status that is read late may skip one of the two.
 */
export function countPromotions(samples: readonly ClusterSample[], fromMs: number, toMs: number): number {
  const window = samples.filter((sample) => sample.atMs > fromMs && sample.atMs <= toMs);
  const before = sampleAt(samples, fromMs);
  let changes = 0;
  let last = before?.currentPrimary;
  let firstTimeline = before?.timelineId;
  let lastTimeline = firstTimeline;
  for (const { currentPrimary, timelineId } of window) {
    if (currentPrimary !== undefined && currentPrimary !== '') {
      if (last !== undefined && currentPrimary !== last) changes += 1;
      last = currentPrimary;
    }
    if (timelineId !== undefined && timelineId > 0) {
      firstTimeline ??= timelineId;
      lastTimeline = Math.max(lastTimeline ?? timelineId, timelineId);
    }
  }
  return Math.max(changes, (lastTimeline ?? 0) - (firstTimeline ?? 0));
}

/** When the operator first showed that it noticed: another target primary, or a phase other than healthy. */
export function detectedAt(samples: readonly ClusterSample[], faultAtMs: number): number | undefined {
  const before = sampleAt(samples, faultAtMs);
  return samples.find(
    (sample) =>
      sample.atMs > faultAtMs &&
      ((before !== undefined && sample.targetPrimary !== before.targetPrimary) ||
        (sample.phase !== undefined && sample.phase !== healthyPhase)),
  )?.atMs;
}

/** When a primary other than the one at `fromMs` was first reported by itself. */
export function promotedAt(samples: readonly ClusterSample[], fromMs: number): number | undefined {
  const before = sampleAt(samples, fromMs)?.currentPrimary;
  return samples.find(
    (sample) =>
      sample.atMs > fromMs &&
      sample.currentPrimary !== undefined &&
      sample.currentPrimary !== '' &&
      sample.currentPrimary !== before,
  )?.atMs;
}
