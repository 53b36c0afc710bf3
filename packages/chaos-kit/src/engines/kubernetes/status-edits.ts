import { failPod as markFailed, isPodGoneError, setTargetPrimary } from '@cnpg-chaos/cnpg-utils';
import { type PodTarget, TargetChangedError } from '../../targets/target.ts';
import type { Action } from '../engine.ts';

/**
 * Asks for a switchover to an instance by writing it into the Cluster's status, as `kubectl cnpg promote` does. There is
 * nothing to undo: it is a planned change, and the cluster is as good after it.
 */
export function switchOver(to: PodTarget): Action {
  return {
    summary: `switch over to ${to.name}`,
    plan: ({ kube, cluster }) => ({
      undo: [],
      async act(signal) {
        const { status } = await setTargetPrimary(kube, cluster, to.name, { uid: to.uid, signal });
        return { from: status?.currentPrimary ?? '', to: to.name };
      },
    }),
  };
}

/**
 * Marks a pod as failed in its status, as a kubelet does that needs its resources. There is nothing to undo: the operator
 * deletes it and makes another.
 */
export function failPod(target: PodTarget, reason = 'Evicted'): Action {
  return {
    summary: `mark pod ${target.namespace}/${target.name} as failed (${reason})`,
    plan: ({ kube }) => ({
      undo: [],
      async act(signal) {
        try {
          await markFailed(kube, target, { reason, signal });
        } catch (cause) {
          if (isPodGoneError(cause)) throw new TargetChangedError(target, 'is gone', { cause });
          throw cause;
        }
        return { failed: target.name, uid: target.uid };
      },
    }),
  };
}
