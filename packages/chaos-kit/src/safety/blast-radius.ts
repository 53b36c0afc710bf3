import type { ChaosConfig } from '../config/chaos-config.ts';
import { describeTarget, type ResolvedTarget } from '../targets/target.ts';

/** More would be broken at once than the configuration allows. Nothing was touched. */
export class BlastRadiusError extends Error {
  override readonly name = 'BlastRadiusError';
  readonly code = 'CHAOS_BLAST_RADIUS';
}

/** What a fault would hit. */
export interface Blast {
  readonly fault: string;
  readonly targets: readonly ResolvedTarget[];
  /** It breaks the control plane of Kubernetes itself. */
  readonly controlPlane: boolean;
  /** Whom the faults hit that are in force already. */
  readonly alreadyHit: readonly ResolvedTarget[];
  /** Whether the cluster is the local lab, which nobody else needs. */
  readonly isLab: boolean;
}

/**
 * Holds a fault, together with those in force, against the limits of the configuration.
 *
 * @throws BlastRadiusError naming the limit and everything that would be hit.
 */
export function assertWithinBlast(limits: ChaosConfig['blast'], blast: Blast): void {
  const { fault, controlPlane, isLab } = blast;
  if (controlPlane && !(limits.controlPlane ?? isLab)) {
    throw new BlastRadiusError(
      `${fault}: it breaks the control plane, which ${limits.controlPlane === false ? 'blast.controlPlane in chaos.config.ts forbids' : 'outside of the lab needs blast: { controlPlane: true } in chaos.config.ts'}`,
    );
  }
  for (const [kind, limit] of [
    ['pod', limits.pods],
    ['node', limits.nodes],
  ] as const) {
    const hit = new Map(
      [...blast.alreadyHit, ...blast.targets]
        .filter((target) => target.kind === kind)
        .map((target) => [target.uid, describeTarget(target)]),
    );
    if (hit.size <= limit) continue;
    throw new BlastRadiusError(
      `${fault}: ${hit.size} ${kind}s would be hit at once, blast.${kind}s in chaos.config.ts allows ${limit}: ${[...hit.values()].join(', ')}`,
    );
  }
}
