import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { type ResolvedTarget, TargetChangedError } from './target.ts';

interface WithUid {
  apiVersion: string;
  kind: string;
  metadata: { name: string; uid: string; deletionTimestamp?: Date };
}

/**
 * Checks, right before the act, that every target is still the object that was chosen.
 *
 * @throws TargetChangedError when one has another UID, is gone, or is being deleted by somebody else.
 */
export async function assertTargetsUnchanged(
  kube: KubeClient,
  targets: readonly ResolvedTarget[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(targets.map(async (target) => compareIdentity(target, await readTarget(kube, target, signal))));
}

/** The pod that now carries the target's name, if any. */
export function readTarget(
  kube: KubeClient,
  target: ResolvedTarget,
  signal: AbortSignal,
): Promise<WithUid | undefined> {
  const ref = { apiVersion: 'v1', kind: 'Pod', namespace: target.namespace, name: target.name };
  return kube.find<WithUid>(ref, { signal });
}

/** @throws TargetChangedError unless `found` is the target, alive. */
export function compareIdentity(target: ResolvedTarget, found: WithUid | undefined): void {
  if (found === undefined) throw new TargetChangedError(target, 'is gone');
  if (found.metadata.uid !== target.uid) throw new TargetChangedError(target, `now has UID ${found.metadata.uid}`);
  if (found.metadata.deletionTimestamp !== undefined) throw new TargetChangedError(target, 'is terminating already');
}
