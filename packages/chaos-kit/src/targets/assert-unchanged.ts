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

const objectKinds = {
  pod: { apiVersion: 'v1', kind: 'Pod' },
  node: { apiVersion: 'v1', kind: 'Node' },
  volume: { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  cluster: { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster' },
  deployment: { apiVersion: 'apps/v1', kind: 'Deployment' },
} as const;

/** The object that now carries the target's name, if any. Addresses are always what they are. */
export function readTarget(
  kube: KubeClient,
  target: ResolvedTarget,
  signal: AbortSignal,
): Promise<WithUid | undefined> {
  if (target.kind === 'endpoint') {
    const { name, uid } = target;
    return Promise.resolve({ apiVersion: '', kind: 'endpoint', metadata: { name, uid } });
  }
  const namespace = target.kind === 'node' ? {} : { namespace: target.namespace };
  return kube.find<WithUid>({ ...objectKinds[target.kind], ...namespace, name: target.name }, { signal });
}

/** @throws TargetChangedError unless `found` is the target, alive. */
export function compareIdentity(target: ResolvedTarget, found: WithUid | undefined): void {
  if (found === undefined) throw new TargetChangedError(target, 'is gone');
  if (found.metadata.uid !== target.uid) throw new TargetChangedError(target, `now has UID ${found.metadata.uid}`);
  if (found.metadata.deletionTimestamp !== undefined) throw new TargetChangedError(target, 'is terminating already');
}
