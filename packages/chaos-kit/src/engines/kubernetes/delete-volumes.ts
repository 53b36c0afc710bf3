import { ConflictError, deleteVolume, NotFoundError } from '@cnpg-chaos/cnpg-utils';
import { type PodTarget, TargetChangedError, type VolumeTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { deletePod, type DeletePodOptions } from './delete-pod.ts';

/**
 * Deletes the volume claims of an instance, and then its pod, which sets them free: what is on the volumes is gone. There
 * is nothing to undo: the operator makes another instance.
 */
export function deleteVolumes(pod: PodTarget, volumes: readonly VolumeTarget[], options: DeletePodOptions): Action {
  const claims = volumes.map(({ name }) => name);
  const killing = deletePod(pod, options);
  return {
    summary: `delete volume claims ${claims.join(', ')} and pod ${pod.namespace}/${pod.name}, grace ${options.gracePeriodSeconds} s`,
    plan(context) {
      const killed = killing.plan(context);
      return {
        undo: killed.undo,
        async act(signal) {
          for (const volume of volumes) {
            try {
              await deleteVolume(context.kube, volume, { signal });
            } catch (cause) {
              if (cause instanceof NotFoundError) throw new TargetChangedError(volume, 'is gone', { cause });
              if (cause instanceof ConflictError)
                throw new TargetChangedError(volume, 'another claim has its name', { cause });
              throw cause;
            }
          }
          return { claims, ...(await killed.act(signal)) };
        },
      };
    },
  };
}
