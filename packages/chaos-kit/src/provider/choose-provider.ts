import type { ChaosConfig } from '../config/chaos-config.ts';
import { existingProvider } from './existing.ts';
import { labProvider } from './lab.ts';
import { type ClusterProvider, ProviderError } from './provider.ts';

/**
 * Says where the cluster comes from: the first one listed in the configuration, else the lab. A KUBECONFIG in the
 * environment is never used by itself.
 *
 * @throws ProviderError when the provider `existing` is asked for and no cluster is listed.
 */
export function chooseProvider(config: Pick<ChaosConfig, 'clusters' | 'provider' | 'lab'>): ClusterProvider {
  const [first] = config.clusters;
  if (config.provider === 'lab') return labProvider(config.lab.name);
  if (first !== undefined) return existingProvider(first);
  if (config.provider === 'existing') {
    throw new ProviderError(
      'provider: got "existing" but clusters in chaos.config.ts is empty; add { kubeSystemUid, kubeconfig, context? }',
    );
  }
  return labProvider(config.lab.name);
}
