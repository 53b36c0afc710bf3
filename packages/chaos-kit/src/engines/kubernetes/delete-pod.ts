import { ConflictError, NotFoundError } from '@cnpg-chaos/cnpg-utils';
import { type PodTarget, TargetChangedError } from '../../targets/target.ts';
import type { Action } from '../engine.ts';

/** Options of `deletePod`. */
export interface DeletePodOptions {
  /** 0: the object vanishes at once and the kubelet kills the process after 2 s. More: PostgreSQL may stop in time. */
  readonly gracePeriodSeconds: number;
}

/**
 * Deletes a pod by name and UID, so that a pod that took over the name is never hit. There is nothing to undo: the
 * operator creates the instance anew.
 */
export function deletePod(target: PodTarget, options: DeletePodOptions): Action {
  return {
    summary: `delete pod ${target.namespace}/${target.name}, grace ${options.gracePeriodSeconds} s`,
    plan: ({ kube }) => ({
      undo: [],
      async act(signal) {
        const ref = { apiVersion: 'v1', kind: 'Pod', namespace: target.namespace, name: target.name };
        try {
          await kube.delete(ref, {
            gracePeriodSeconds: options.gracePeriodSeconds,
            preconditions: { uid: target.uid },
            signal,
          });
        } catch (cause) {
          if (cause instanceof NotFoundError) throw new TargetChangedError(target, 'is gone', { cause });
          if (cause instanceof ConflictError)
            throw new TargetChangedError(target, 'another pod has its name', { cause });
          throw cause;
        }
        return { deleted: target.name, uid: target.uid };
      },
    }),
  };
}
