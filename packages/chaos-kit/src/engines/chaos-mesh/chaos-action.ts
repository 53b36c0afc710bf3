import type { PodTarget } from '../../targets/target.ts';
import type { Action, PlanContext } from '../engine.ts';
import { applyChaos } from './apply-chaos.ts';
import type { ChaosObject } from './chaos-object.ts';
import { removeChaosStep } from './remove-chaos.ts';

// the controller answers within two reconciles; a busy lab took 0.3 s, a minute means that nobody is working
const injectLimitMs = 30_000;

/** What every fault object has in common. */
export interface ChaosActionOptions {
  readonly summary: string;
  readonly object: (context: PlanContext) => ChaosObject;
  /** Pods that it touches. */
  readonly pods: readonly PodTarget[];
  /** Records that must be injected, such as `namespace/pod` or `namespace/pod/container`. */
  readonly records: readonly string[];
}

/** Creates a fault object, waits until the controller says that every record is injected, and is undone by removing it. */
export function chaosAction({ summary, object, pods, records }: ChaosActionOptions): Action {
  const names = [...new Set(pods.map(({ namespace, name }) => `${namespace}/${name}`))];
  return {
    summary,
    plan(context) {
      const made = object(context);
      return {
        undo: [removeChaosStep(made, names)],
        async act(signal) {
          const { injectedAfterMs, status } = await applyChaos(context.kube, made, records, injectLimitMs, signal);
          return { object: `${made.metadata.namespace}/${made.metadata.name}`, injectedAfterMs, status };
        },
      };
    },
  };
}
