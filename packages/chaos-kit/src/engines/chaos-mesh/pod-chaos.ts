import type { PodTarget } from '../../targets/target.ts';
import type { Action, PlanContext } from '../engine.ts';
import { chaosAction } from './chaos-action.ts';
import { chaosObject, type ChaosObject, containerRecords, durationOf, podNames, podSelection } from './chaos-object.ts';

/** What a PodChaos does. */
export type PodChaosOptions =
  | {
      readonly action: 'pod-kill';
      readonly targets: readonly PodTarget[];
      /** Seconds between the delete and the kill. 0 removes the object at once; the kubelet kills after 2 s. */
      readonly gracePeriodSeconds: number;
    }
  | {
      /** SIGKILL to process 1 of the containers; the kubelet starts them again. */
      readonly action: 'container-kill';
      readonly targets: readonly PodTarget[];
      readonly containerNames: readonly string[];
    }
  | {
      /**
       * Every container's image is replaced by one that only waits, until the time to live. Not for instances: the
       * operator sees an image that it did not ask for and rolls the instance.
       */
      readonly action: 'pod-failure';
      readonly targets: readonly PodTarget[];
    };

/**
 * Hits pods through a PodChaos that names each exactly. The kills are one-shot: a duration would have no effect and the
 * object only has to be removed afterwards.
 */
export function podChaos(options: PodChaosOptions): Action {
  const records =
    options.action === 'container-kill'
      ? containerRecords(options.targets, options.containerNames)
      : podNames(options.targets);
  const how = options.action === 'pod-kill' ? `, grace ${options.gracePeriodSeconds} s` : '';
  return chaosAction({
    summary: `PodChaos ${options.action} of ${records.join(', ')}${how}`,
    object: (context) => podChaosObject(options, context),
    pods: options.targets,
    records,
  });
}

/** The complete PodChaos. Nothing is left to Chaos Mesh's defaulting webhook, which may not be registered. */
export function podChaosObject(options: PodChaosOptions, context: PlanContext): ChaosObject {
  const { action, targets } = options;
  return chaosObject('PodChaos', context, {
    action,
    mode: 'all',
    ...(action === 'pod-kill' ? { gracePeriod: options.gracePeriodSeconds } : {}),
    ...(action === 'container-kill' ? { containerNames: [...options.containerNames] } : {}),
    ...(action === 'pod-failure' ? { duration: durationOf(context) } : {}),
    selector: podSelection(targets),
  });
}
