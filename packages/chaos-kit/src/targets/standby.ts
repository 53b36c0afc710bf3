import {
  compareLsn,
  instanceStatusByProxy,
  type InstanceStatus,
  replicationFacts,
  type StandbyReplication,
} from '@cnpg-chaos/cnpg-utils';
import { rolesOf } from './instances.ts';
import { podTarget } from './pod-target.ts';
import { type PodTarget, TargetError, type TargetContext, type TargetSelector } from './target.ts';

/**
 * The standby that acknowledges commits, as the primary sees it: streaming, `sync` or `quorum`, and of several the one
 * that has flushed most. With `any 1` it is the one whose answer the last commits waited for.
 */
export function syncStandby(): TargetSelector<PodTarget> {
  return { description: 'synchronous standby', resolve: resolveSyncStandby };
}

/** The standby that the operator would promote: most WAL received, then most replayed, by its instance manager. */
export function mostAdvanced(): TargetSelector<PodTarget> {
  return {
    description: 'most advanced standby',
    resolve: (context, signal) => resolveByPosition('most advanced standby', 0, context, signal),
  };
}

/** The standby that is furthest behind. Replicas that are equal count in the order of their serial numbers. */
export function leastAdvanced(): TargetSelector<PodTarget> {
  return {
    description: 'least advanced standby',
    resolve: (context, signal) => resolveByPosition('least advanced standby', -1, context, signal),
  };
}

async function resolveSyncStandby(context: TargetContext, signal: AbortSignal): Promise<PodTarget[]> {
  const { kube, cluster } = context;
  const { primary, replicas } = await rolesOf(context, signal);
  if (primary === undefined) throw new TargetError('synchronous standby: the primary has no pod to ask');
  const { standbys, synchronousStandbyNames } = await replicationFacts(kube, cluster, primary, { signal });
  const name = chooseSyncStandby(standbys);
  const found = replicas.find((one) => one.name === name);
  if (found === undefined) {
    const seen = standbys.map((one) => `${one.name} ${one.state}/${one.syncState}`).join(', ') || 'none';
    throw new TargetError(
      `synchronous standby: ${primary.name} has none (synchronous_standby_names ${JSON.stringify(synchronousStandbyNames)}; standbys: ${seen})`,
    );
  }
  return [podTarget('synchronous standby', cluster.namespace, found.pod)];
}

/** Name of the standby that acknowledges; undefined when there is none. Equal ones count by name, `pg-2` before `pg-10`. */
export function chooseSyncStandby(standbys: readonly StandbyReplication[]): string | undefined {
  const acknowledging = standbys.filter(
    (one) => one.state === 'streaming' && (one.syncState === 'sync' || one.syncState === 'quorum'),
  );
  const [first] = acknowledging.toSorted(
    (a, b) =>
      // `sync` alone is waited for; of a quorum the furthest is who answered
      rank(a) - rank(b) || compareLsn(b.flushLsn ?? '0/0', a.flushLsn ?? '0/0') || byName(a.name, b.name),
  );
  return first?.name;
}

function rank(standby: StandbyReplication): number {
  return standby.syncState === 'sync' ? 0 : 1;
}

async function resolveByPosition(
  role: string,
  at: 0 | -1,
  context: TargetContext,
  signal: AbortSignal,
): Promise<PodTarget[]> {
  const { kube, cluster } = context;
  const { replicas } = await rolesOf(context, signal);
  if (replicas.length === 0) throw new TargetError(`${role}: the cluster has no replica`);
  const positions = await Promise.all(
    replicas.map(async ({ name, pod }) => {
      const ref = { namespace: cluster.namespace, name: pod.name };
      try {
        return positionOf(name, await instanceStatusByProxy(kube, ref, { signal, timeoutMs: 10_000 }));
      } catch (cause) {
        signal.throwIfAborted();
        const text = cause instanceof Error ? cause.message : String(cause);
        throw new TargetError(`${role}: ${name} could not be asked how far it is: ${text}`, { cause });
      }
    }),
  );
  const chosen = byPosition(positions).at(at);
  const instance = replicas.find(({ name }) => name === chosen?.name);
  if (instance === undefined) throw new TargetError(`${role}: the cluster has no replica`);
  return [podTarget(role, cluster.namespace, instance.pod)];
}

/** How far a standby is. */
export interface StandbyPosition {
  readonly name: string;
  readonly receivedLsn: string;
  readonly replayLsn: string;
}

function positionOf(name: string, { receivedLsn, replayLsn }: InstanceStatus): StandbyPosition {
  // the manager leaves out what it does not know: such a standby is behind every other
  const known = (lsn: unknown): string => (typeof lsn === 'string' && lsn !== '' ? lsn : '0/0');
  return { name, receivedLsn: known(receivedLsn), replayLsn: known(replayLsn) };
}

/** Sorted as the operator's election does: received, then replayed, then name. */
export function byPosition(positions: readonly StandbyPosition[]): StandbyPosition[] {
  return positions.toSorted(
    (a, b) =>
      compareLsn(b.receivedLsn, a.receivedLsn) || compareLsn(b.replayLsn, a.replayLsn) || byName(a.name, b.name),
  );
}

function byName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
