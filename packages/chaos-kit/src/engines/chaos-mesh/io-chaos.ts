import type { PodTarget } from '../../targets/target.ts';
import type { Action, PlanContext } from '../engine.ts';
import { chaosAction } from './chaos-action.ts';
import { chaosObject, type ChaosObject, containerRecords, durationOf, podNames, podSelection } from './chaos-object.ts';

/** Calls of a file system, by their FUSE names. An unknown one would be dropped without a word. */
export type IOMethod =
  | 'open'
  | 'read'
  | 'write'
  | 'flush'
  | 'fsync'
  | 'fsyncdir'
  | 'create'
  | 'rename'
  | 'unlink'
  | 'statfs';

/** Options of `ioChaos`. */
export interface IOChaosOptions {
  readonly targets: readonly PodTarget[];
  /** @default 'postgres' */
  readonly container?: string;
  /** Where the volume is mounted in the container, exactly: a folder below it makes an object that cannot be deleted. */
  readonly volumePath: string;
  readonly effect:
    | { readonly kind: 'latency'; readonly delayMs: number }
    /** Every such call fails with this error number, such as 5 for EIO or 28 for ENOSPC. */
    | { readonly kind: 'fault'; readonly errno: number };
  /** @default ['read', 'write', 'fsync'] */
  readonly methods?: readonly IOMethod[];
  /** How many of the calls are hit. @default 100 */
  readonly percent?: number;
}

/**
 * What it needs: words for the preflight of the engine. `io-opt-in` is met by `chaosMesh.allowIOChaos` of the
 * configuration alone.
 */
export const ioNeeds: readonly string[] = ['IOChaos', 'io-opt-in', 'daemon', 'toda'];

/**
 * Slow or failing calls on one volume of a container. To put itself between, Chaos Mesh stops every process of the
 * container and exchanges its open files while PostgreSQL forks: open files may be missed, and what then looks like
 * corruption is the tool's. It has to be allowed by the configuration. A container that restarts ends the fault.
 */
export function ioChaos(options: IOChaosOptions): Action {
  const { targets, container = 'postgres', volumePath, effect } = options;
  const how = effect.kind === 'latency' ? `latency ${effect.delayMs} ms` : `errno ${effect.errno}`;
  return chaosAction({
    summary: `IOChaos ${how} on ${volumePath} of ${podNames(targets).join(', ')}`,
    object: (context) => ioChaosObject(options, context),
    pods: targets,
    records: containerRecords(targets, [container]),
  });
}

/** The complete IOChaos. */
export function ioChaosObject(options: IOChaosOptions, context: PlanContext): ChaosObject {
  const { targets, container = 'postgres', volumePath, effect } = options;
  return chaosObject('IOChaos', context, {
    action: effect.kind,
    mode: 'all',
    selector: podSelection(targets),
    containerNames: [container],
    volumePath,
    // A single star does not cross a slash.
    path: `${volumePath}/**/*`,
    methods: [...(options.methods ?? ['read', 'write', 'fsync'])],
    percent: options.percent ?? 100,
    duration: durationOf(context),
    ...(effect.kind === 'latency' ? { delay: `${Math.round(effect.delayMs)}ms` } : { errno: effect.errno }),
  });
}
