import { getCluster, type Instance, listInstances } from '@cnpg-chaos/cnpg-utils';
import { podTarget } from './pod-target.ts';
import { settledPrimary } from './primary.ts';
import { type PodTarget, TargetError, type TargetSelector } from './target.ts';

/**
 * The replica at `index`, counted from 0 in the order of the instances' serial numbers, the primary left out.
 */
export function replica(index: number): TargetSelector<PodTarget> {
  return {
    description: `replica ${index}`,
    async resolve(context, signal) {
      const current = settledPrimary(await getCluster(context.kube, context.cluster, { signal }));
      const instances = await listInstances(context.kube, context.cluster, { signal });
      const replicas = replicasInOrder(instances, current);
      const chosen = replicas[index];
      if (chosen === undefined) {
        const names = replicas.map((r) => r.name).join(', ') || 'none';
        throw new TargetError(`replica: index ${index} does not exist; replicas in order: ${names}`);
      }
      return [podTarget(`replica ${index}`, context.cluster.namespace, chosen.pod)];
    },
  };
}

/** All instances but the primary, by serial number (`pg-2` before `pg-10`). */
export function replicasInOrder<T extends Pick<Instance, 'name'>>(instances: readonly T[], primaryName: string): T[] {
  return instances
    .filter((instance) => instance.name !== primaryName)
    .toSorted((a, b) => serial(a.name) - serial(b.name) || a.name.localeCompare(b.name));
}

function serial(name: string): number {
  const match = /-(\d+)$/.exec(name);
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]);
}
