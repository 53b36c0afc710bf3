import { getCluster } from '@cnpg-chaos/cnpg-utils';
import { type ClusterTarget, TargetError, type TargetSelector } from './target.ts';

/** The Cluster object itself. */
export function theCluster(): TargetSelector<ClusterTarget> {
  return {
    description: 'cluster',
    async resolve({ kube, cluster }, signal) {
      const { metadata } = await getCluster(kube, cluster, { signal });
      if (metadata?.uid === undefined)
        throw new TargetError(`cluster: ${cluster.namespace}/${cluster.name} has no UID`);
      return [{ kind: 'cluster', role: 'cluster', ...cluster, uid: metadata.uid }];
    },
  };
}
