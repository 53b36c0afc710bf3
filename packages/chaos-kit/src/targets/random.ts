import { createHash } from 'node:crypto';
import { membersOf } from './instances.ts';
import { type PodTarget, TargetError, type TargetSelector } from './target.ts';

/** One instance, the primary among them, chosen by the seed of the experiment: the same seed hits the same again. */
export function randomInstance(): TargetSelector<PodTarget> {
  return {
    description: 'random instance',
    async resolve(context, signal) {
      return pick(await membersOf(context, signal), context.seed, 'instance');
    },
  };
}

/** One instance that is not the primary, chosen by the seed of the experiment. */
export function randomReplica(): TargetSelector<PodTarget> {
  return {
    description: 'random replica',
    async resolve(context, signal) {
      const [, ...replicas] = await membersOf(context, signal);
      return pick(replicas, context.seed, 'replica');
    },
  };
}

function pick(pods: readonly PodTarget[], seed: number, what: string): PodTarget[] {
  const ordered = pods.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  const chosen = ordered[indexOf(seed, what, ordered.length)];
  if (chosen === undefined) throw new TargetError(`random ${what}: the cluster has none`);
  return [{ ...chosen, role: `random ${what} (${chosen.role})` }];
}

/** A whole number from 0 to `count` - 1 that depends on nothing but the seed and the purpose. */
export function indexOf(seed: number, purpose: string, count: number): number {
  const hash = createHash('sha256').update(`${seed}\0target\0${purpose}`).digest().readUInt32BE(0);
  return Math.floor((hash / 2 ** 32) * count);
}
