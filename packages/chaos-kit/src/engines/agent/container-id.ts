import { findPodByUid, type KubeClient } from '@cnpg-chaos/cnpg-utils';
import { type PodTarget, TargetChangedError } from '../../targets/target.ts';
import { EngineError } from '../engine-error.ts';

/**
 * The id of a container that runs, without the name of the runtime before it.
 *
 * @throws TargetChangedError when the pod is gone
 * @throws EngineError when it has no such container, or the container does not run
 */
export async function containerId(
  kube: KubeClient,
  target: PodTarget,
  container: string,
  signal: AbortSignal,
): Promise<string> {
  const pod = await findPodByUid(kube, target, { signal });
  if (pod === undefined) throw new TargetChangedError(target, 'is gone');
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container);
  const id = /^[a-z-]+:\/\/([0-9a-f]{64})$/.exec(status?.containerID ?? '')?.[1];
  if (id === undefined || status?.state?.running === undefined) {
    const state = Object.keys(status?.state ?? {}).join(', ') || 'not there';
    throw new EngineError(
      'agent',
      `container ${container} of pod ${target.namespace}/${target.name} does not run: ${state}`,
    );
  }
  return id;
}
