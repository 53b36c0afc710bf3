import type { PodTarget } from '../../targets/target.ts';
import type { Action, PlanContext } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import { chaosAction } from './chaos-action.ts';
import { chaosObject, type ChaosObject, containerRecords, durationOf, podNames, podSelection } from './chaos-object.ts';

/** Options of `stressChaos`. */
export interface StressChaosOptions {
  readonly targets: readonly PodTarget[];
  /** @default 'postgres' */
  readonly container?: string;
  /** Processes that compute, each at this load in percent. */
  readonly cpu?: { readonly workers: number; readonly load: number };
  /** Processes that together hold this much memory. */
  readonly memory?: { readonly workers: number; readonly bytes: number };
}

/** What the nodes must have: words for the preflight of the engine. */
export const stressNeeds: readonly string[] = ['StressChaos', 'daemon', 'stress-ng'];

// Worse than any process of PostgreSQL: when memory runs out the kernel takes the stressor.
const oomScoreAdj = 1000;

/**
 * Load inside the cgroup of a container, so that it competes with PostgreSQL and the instance manager for what they may
 * use.
 *
 * @throws EngineError when neither cpu nor memory is asked for
 */
export function stressChaos(options: StressChaosOptions): Action {
  const { targets, container = 'postgres', cpu, memory } = options;
  if (cpu === undefined && memory === undefined) {
    throw new EngineError('chaos-mesh', 'StressChaos: neither cpu nor memory is to be stressed');
  }
  const load = [
    ...(cpu === undefined ? [] : [`${cpu.workers} × ${cpu.load} % cpu`]),
    ...(memory === undefined ? [] : [`${memory.bytes} bytes of memory`]),
  ];
  return chaosAction({
    summary: `StressChaos ${load.join(', ')} in ${podNames(targets).join(', ')}`,
    object: (context) => stressChaosObject(options, context),
    pods: targets,
    records: containerRecords(targets, [container]),
  });
}

/** The complete StressChaos. */
export function stressChaosObject(options: StressChaosOptions, context: PlanContext): ChaosObject {
  const { targets, container = 'postgres', cpu, memory } = options;
  return chaosObject('StressChaos', context, {
    mode: 'all',
    selector: podSelection(targets),
    containerNames: [container],
    duration: durationOf(context),
    stressors: {
      ...(cpu === undefined ? {} : { cpu: { workers: cpu.workers, load: cpu.load, options: [] } }),
      ...(memory === undefined
        ? {}
        : { memory: { workers: memory.workers, size: `${memory.bytes}B`, oomScoreAdj, options: [] } }),
    },
  });
}
