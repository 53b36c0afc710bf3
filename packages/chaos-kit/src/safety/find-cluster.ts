import { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { ChaosConfig } from '../config/chaos-config.ts';
import { chooseProvider } from '../provider/choose-provider.ts';
import { findLab } from '../provider/lab.ts';
import { Guard } from './guard.ts';
import type { SweptCluster } from './sweep.ts';

/**
 * The cluster that the configuration names, if it is there. A lab that is down is not started.
 *
 * @throws GuardError when it is neither the lab nor listed
 */
export async function findCluster(config: ChaosConfig, signal?: AbortSignal): Promise<SweptCluster | undefined> {
  const provider = chooseProvider(config);
  const call = signal === undefined ? {} : { signal };
  const connected = provider.name === 'lab' ? await findLab(config.lab.name) : await provider.connect(call);
  if (connected === undefined) return undefined;
  const { kubeconfig, context, labName, labKubeSystemUid } = connected;
  const kube = KubeClient.fromFile(kubeconfig, context === undefined ? {} : { context });
  try {
    const kubeSystemUid = await new Guard({ kube, config, labKubeSystemUid }).assertClusterAllowed(signal);
    const access = {
      kubeconfig,
      kubeSystemUid,
      ...(context === undefined ? {} : { context }),
      ...(labName === undefined ? {} : { labName }),
    };
    return { access, config };
  } finally {
    await kube.close();
  }
}
