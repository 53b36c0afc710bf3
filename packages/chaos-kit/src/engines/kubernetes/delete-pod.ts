import {
  ConflictError,
  deletePod as requestDeletion,
  evictPod as requestEviction,
  isPodGoneError,
  type KubeClient,
} from '@cnpg-chaos/cnpg-utils';
import { type PodTarget, TargetChangedError } from '../../targets/target.ts';
import type { Action } from '../engine.ts';

/** Options of `deletePod` and `evictPod`. */
export interface DeletePodOptions {
  /** 0: the object vanishes at once and the kubelet kills the process after 2 s. More: PostgreSQL may stop in time. */
  readonly gracePeriodSeconds: number;
}

/**
 * Deletes pods by name and UID, all at once, so that a pod that took over a name is never hit. There is nothing to undo:
 * whoever owns a pod creates it anew.
 */
export function deletePod(target: PodTarget | readonly PodTarget[], options: DeletePodOptions): Action {
  return removePods('delete', target, options, requestDeletion);
}

/**
 * Evicts pods by name and UID: like `deletePod`, but a disruption budget may refuse it, which is then an error. There is
 * nothing to undo.
 */
export function evictPod(target: PodTarget | readonly PodTarget[], options: DeletePodOptions): Action {
  return removePods('evict', target, options, requestEviction);
}

type Request = (
  kube: KubeClient,
  pod: { namespace: string; name: string },
  options: { uid: string; gracePeriodSeconds: number; signal: AbortSignal },
) => Promise<void>;

function removePods(
  verb: 'delete' | 'evict',
  target: PodTarget | readonly PodTarget[],
  { gracePeriodSeconds }: DeletePodOptions,
  request: Request,
): Action {
  const pods = isList(target) ? target : [target];
  const names = pods.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
  return {
    summary: `${verb} pod ${names}, grace ${gracePeriodSeconds} s`,
    plan: ({ kube }) => ({
      undo: [],
      async act(signal) {
        const one = async (pod: PodTarget) => {
          try {
            await request(
              kube,
              { namespace: pod.namespace, name: pod.name },
              { uid: pod.uid, gracePeriodSeconds, signal },
            );
          } catch (cause) {
            if (!isPodGoneError(cause)) throw cause;
            const now = cause instanceof ConflictError ? 'another pod has its name' : 'is gone';
            throw new TargetChangedError(pod, now, { cause });
          }
        };
        const results = await Promise.allSettled(pods.map(one));
        for (const result of results) if (result.status === 'rejected') throw result.reason;
        return { pods: names, uids: pods.map(({ uid }) => uid) };
      },
    }),
  };
}

function isList(target: PodTarget | readonly PodTarget[]): target is readonly PodTarget[] {
  return Array.isArray(target);
}
