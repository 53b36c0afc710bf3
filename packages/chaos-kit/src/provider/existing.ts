import { access } from 'node:fs/promises';
import type { AllowedCluster } from '../config/chaos-config.ts';
import { type ClusterProvider, ProviderError } from './provider.ts';

/** A cluster from the list in `chaos.config.ts`. Whether it is the one that its UID says is for the guard to check. */
export function existingProvider(cluster: AllowedCluster): ClusterProvider {
  return {
    name: 'existing',
    async connect() {
      try {
        await access(cluster.kubeconfig);
      } catch (cause) {
        const message = `clusters.kubeconfig in chaos.config.ts: cannot read ${cluster.kubeconfig}`;
        throw new ProviderError(message, { cause });
      }
      const { kubeconfig, context } = cluster;
      return { provider: 'existing', kubeconfig, isLab: false, ...(context === undefined ? {} : { context }) };
    },
  };
}
