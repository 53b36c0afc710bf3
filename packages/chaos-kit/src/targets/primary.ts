import { type Cluster, getCluster, listInstances } from '@cnpg-chaos/cnpg-utils';
import { podTarget } from './pod-target.ts';
import { type PodTarget, TargetError, type TargetContext, type TargetSelector } from './target.ts';

/**
 * The primary by `status.currentPrimary`, which the promoted instance itself writes. Pod labels are not asked: they
 * trail a failover. Refused while a failover or switchover is under way, because nobody can say who is primary then.
 */
export function primary(): TargetSelector<PodTarget> {
  return { description: 'primary', resolve: resolvePrimary };
}

async function resolvePrimary(context: TargetContext, signal: AbortSignal) {
  const { namespace, name } = context.cluster;
  const current = settledPrimary(await getCluster(context.kube, context.cluster, { signal }));
  const instances = await listInstances(context.kube, context.cluster, { signal });
  const instance = instances.find((candidate) => candidate.name === current);
  if (instance === undefined) {
    throw new TargetError(`primary: cluster ${namespace}/${name} says ${current}, but there is no such pod`);
  }
  return [podTarget('primary', namespace, instance.pod)];
}

/**
 * Name of the primary when the cluster has settled on one.
 *
 * @throws TargetError while current and target primary differ.
 */
export function settledPrimary(cluster: Cluster): string {
  const current = cluster.status?.currentPrimary;
  const target = cluster.status?.targetPrimary;
  if (current === undefined || current === '' || current !== target) {
    throw new TargetError(
      `primary: the cluster has not settled on one (currentPrimary ${current ?? 'unset'}, targetPrimary ${target ?? 'unset'})`,
    );
  }
  return current;
}
