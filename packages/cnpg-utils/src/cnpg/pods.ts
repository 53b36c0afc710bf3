import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { ClusterWaitOptions } from './cluster.ts';

/** Options of {@link deletePod}. */
export interface DeletePodOptions extends CallOptions {
  /** Delete only this very pod, never one that took over its name. */
  uid?: string;
  /** Seconds given to its containers; 0 forgets the pod at once. @default the pod's own */
  gracePeriodSeconds?: number;
}

/**
 * Asks for a pod's deletion, once. It is not repeated when the answer is lost.
 *
 * @throws NotFoundError; ConflictError when the UID is another one
 */
export async function deletePod(kube: KubeClient, pod: NamespacedName, options: DeletePodOptions = {}): Promise<void> {
  const { uid, gracePeriodSeconds, ...call } = options;
  await kube.delete(
    { apiVersion: 'v1', kind: 'Pod', ...pod },
    {
      ...call,
      ...(uid === undefined ? {} : { preconditions: { uid } }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    },
  );
}

/** The pod of that name, if it is still the one with that UID. */
export async function findPodByUid(
  kube: KubeClient,
  pod: NamespacedName & { uid: string },
  options: CallOptions = {},
): Promise<V1Pod | undefined> {
  const ref = { apiVersion: 'v1', kind: 'Pod', namespace: pod.namespace, name: pod.name };
  const found = await kube.find<V1Pod>(ref, options);
  return found?.metadata?.uid === pod.uid ? found : undefined;
}

/**
 * Waits until the pod with that UID is gone, whether or not its name is in use again.
 *
 * @param options.timeoutMs @default 120000
 * @throws WaitTimeoutError
 */
export async function waitForPodGone(
  kube: KubeClient,
  pod: NamespacedName & { uid: string },
  options: ClusterWaitOptions = {},
): Promise<void> {
  await waitFor(
    `pod ${pod.namespace}/${pod.name} (${pod.uid}) to be gone`,
    async (signal, probe) => {
      const found = await findPodByUid(kube, pod, { signal });
      if (found === undefined) return true;
      probe.observe(
        `${found.status?.phase ?? '?'}${found.metadata?.deletionTimestamp === undefined ? '' : ', being deleted'}`,
      );
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.newTargetOnFailover, intervalMs: 250 },
  );
}
