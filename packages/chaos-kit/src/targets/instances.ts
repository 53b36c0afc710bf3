import { getCluster, type Instance, listInstances } from '@cnpg-chaos/cnpg-utils';
import { podTarget } from './pod-target.ts';
import { settledPrimary } from './primary.ts';
import { replicasInOrder } from './replica.ts';
import { type PodTarget, TargetError, type TargetContext, type TargetSelector } from './target.ts';

/** Every instance of the cluster, the primary first. Refused while the cluster has not settled on a primary. */
export function allInstances(): TargetSelector<PodTarget> {
  return { description: 'all instances', resolve: (context, signal) => membersOf(context, signal) };
}

/** Every instance but the primary, by serial number. */
export function allReplicas(): TargetSelector<PodTarget> {
  return {
    description: 'all replicas',
    async resolve(context, signal) {
      const [, ...replicas] = await membersOf(context, signal);
      if (replicas.length === 0) throw new TargetError('all replicas: the cluster has none');
      return replicas;
    },
  };
}

/** The instance of this name, whatever its role. */
export function instanceNamed(name: string): TargetSelector<PodTarget> {
  return {
    description: `instance ${name}`,
    async resolve({ kube, cluster }, signal) {
      const instances = await listInstances(kube, cluster, { signal });
      const found = instances.find((instance) => instance.name === name);
      if (found === undefined) {
        const names = instances.map((instance) => instance.name).join(', ') || 'none';
        throw new TargetError(`instance: got ${JSON.stringify(name)}, expected one of ${names}`);
      }
      return [podTarget(`instance ${name}`, cluster.namespace, found.pod)];
    },
  };
}

/** The primary, then the replicas by serial number, each with its role. */
export async function membersOf(context: TargetContext, signal: AbortSignal): Promise<PodTarget[]> {
  const { kube, cluster } = context;
  const { primary, replicas } = await rolesOf(context, signal);
  if (primary === undefined) {
    const { status } = await getCluster(kube, cluster, { signal });
    throw new TargetError(`all instances: the primary ${status?.currentPrimary ?? '?'} has no pod`);
  }
  return [
    podTarget('primary', cluster.namespace, primary.pod),
    ...replicas.map((one, index) => podTarget(`replica ${index}`, cluster.namespace, one.pod)),
  ];
}

/** Primary and replicas, as the cluster has settled on them. @throws TargetError while it has not. */
export async function rolesOf(
  { kube, cluster }: TargetContext,
  signal: AbortSignal,
): Promise<{ primary: Instance | undefined; replicas: Instance[] }> {
  const current = settledPrimary(await getCluster(kube, cluster, { signal }));
  const instances = await listInstances(kube, cluster, { signal });
  const primary = instances.find(({ name }) => name === current);
  return { primary, replicas: replicasInOrder(instances, current) };
}
