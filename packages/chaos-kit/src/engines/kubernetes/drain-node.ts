import { drainNode as evictAll, labels } from '@cnpg-chaos/cnpg-utils';
import type { NodeTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { cordonNode } from './edits.ts';

/** Options of `drainNode`. */
export interface DrainNodeOptions {
  /** Which pods are evicted: those of the cluster under test, or all but those of DaemonSets as `kubectl drain` does. */
  readonly pods: 'cluster' | 'all';
  /** Within which the node must be empty, in milliseconds: a budget may protect the primary until it was moved. */
  readonly withinMs: number;
}

/** Cordons a node and evicts its pods, as `kubectl drain` does. Undone by letting pods onto it again. */
export function drainNode(target: NodeTarget, { pods, withinMs }: DrainNodeOptions): Action {
  const cordon = cordonNode(target);
  return {
    summary: `drain node ${target.name} (${pods === 'all' ? 'all pods' : 'pods of the cluster'})`,
    plan(context) {
      const { kube, cluster } = context;
      const planned = cordon.plan(context);
      const only =
        pods === 'all' ? {} : { namespace: cluster.namespace, labelSelector: `${labels.cluster}=${cluster.name}` };
      return {
        undo: planned.undo,
        limitMs: withinMs + 5_000,
        async act(signal) {
          await planned.act(signal);
          const startedAt = performance.now();
          const { evicted, blockedBy } = await evictAll(kube, target.name, {
            ...only,
            cordon: false,
            timeoutMs: withinMs,
            signal,
          });
          return {
            node: target.name,
            evicted: evicted.map(({ namespace, name }) => `${namespace}/${name}`),
            blockedBy,
            tookMs: Math.round(performance.now() - startedAt),
          };
        },
      };
    },
  };
}
