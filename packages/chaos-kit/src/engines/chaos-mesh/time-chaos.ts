import type { PodTarget } from '../../targets/target.ts';
import type { Action, PlanContext } from '../engine.ts';
import { chaosAction } from './chaos-action.ts';
import { chaosObject, type ChaosObject, containerRecords, durationOf, podNames, podSelection } from './chaos-object.ts';

/** Options of `timeChaos`. */
export interface TimeChaosOptions {
  readonly targets: readonly PodTarget[];
  /** @default 'postgres' */
  readonly container?: string;
  /** What the clock is off by, in milliseconds; less than 0 for the past. */
  readonly offsetMs: number;
}

/** What the nodes must have: words for the preflight of the engine. */
export const timeNeeds: readonly string[] = ['TimeChaos', 'daemon'];

/**
 * The wall clock of a container's process 1 and of its children that live at that moment is off; what they fork later
 * inherits it. What is started by exec sees the true time.
 */
export function timeChaos(options: TimeChaosOptions): Action {
  const { targets, container = 'postgres', offsetMs } = options;
  return chaosAction({
    summary: `TimeChaos ${offsetMs} ms in ${podNames(targets).join(', ')}`,
    object: (context) => timeChaosObject(options, context),
    pods: targets,
    records: containerRecords(targets, [container]),
  });
}

/** The complete TimeChaos. */
export function timeChaosObject(options: TimeChaosOptions, context: PlanContext): ChaosObject {
  return chaosObject('TimeChaos', context, {
    mode: 'all',
    selector: podSelection(options.targets),
    containerNames: [options.container ?? 'postgres'],
    timeOffset: `${Math.round(options.offsetMs)}ms`,
    clockIds: ['CLOCK_REALTIME'],
    duration: durationOf(context),
  });
}
