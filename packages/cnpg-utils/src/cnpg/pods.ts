import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { ConflictError, KubeError, NotFoundError } from '../kube/errors.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { ClusterWaitOptions } from './cluster.ts';
import { isPodReady, isPodTerminating, podTrouble } from './pod-state.ts';

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

/**
 * Creates a pod and waits until it is ready.
 *
 * @param options.timeoutMs @default 180000 (`timeouts.podRollout`)
 * @throws ConflictError when there is one of that name; WaitTimeoutError with what it is stuck at
 */
export async function createPod(kube: KubeClient, pod: V1Pod, options: ClusterWaitOptions = {}): Promise<V1Pod> {
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const { metadata: wanted, spec } = pod;
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    ...(wanted === undefined ? {} : { metadata: wanted }),
    ...(spec === undefined ? {} : { spec }),
  };
  const { namespace = '', name = '' } = (await kube.create<V1Pod>(object, call)).metadata ?? {};
  return await waitFor(
    `pod ${namespace}/${name} to be ready`,
    async (signal, probe) => {
      const found = await kube.get<V1Pod>({ apiVersion: 'v1', kind: 'Pod', namespace, name }, { signal });
      if (isPodReady(found)) return found;
      probe.observe(podTrouble(found).join('; '));
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.podRollout, intervalMs: 250 },
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

/**
 * Waits until a pod of the same name but another UID is ready. Other pods that are ready do not count, nor does the old
 * one.
 *
 * @param pod the pod to be replaced
 * @param options.timeoutMs @default 180000 (`timeouts.podRollout`)
 * @returns the new pod
 * @throws WaitTimeoutError saying whether the old pod is still there and what the new one is stuck at
 */
export async function waitForPodReplaced(
  kube: KubeClient,
  pod: NamespacedName & { uid: string },
  options: ClusterWaitOptions = {},
): Promise<V1Pod> {
  const ref = { apiVersion: 'v1', kind: 'Pod', namespace: pod.namespace, name: pod.name };
  return await waitFor(
    `pod ${pod.namespace}/${pod.name} (${pod.uid}) to be replaced by a ready one`,
    async (signal, probe) => {
      const found = await kube.find<V1Pod>(ref, { signal });
      if (found === undefined) {
        probe.observe('there is no pod of that name');
        return undefined;
      }
      if (found.metadata?.uid === pod.uid) {
        probe.observe(`the old pod is still there${isPodTerminating(found) ? ', being deleted' : ''}`);
        return undefined;
      }
      if (isPodReady(found) && !isPodTerminating(found)) return found;
      probe.observe(`the new pod is not ready: ${podTrouble(found).join('; ')}`);
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.podRollout, intervalMs: 500 },
  );
}

/** A disruption budget does not allow a pod's eviction now. */
export class EvictionBlockedError extends Error {
  override readonly name = 'EvictionBlockedError';
  readonly code = 'CNPG_EVICTION_BLOCKED';
  /** Seconds after which the API server asks to try again. */
  readonly retryAfterSeconds?: number;

  constructor(message: string, cause: KubeError) {
    super(message, { cause });
    if (cause.retryAfterSeconds !== undefined) this.retryAfterSeconds = cause.retryAfterSeconds;
  }
}

/**
 * Evicts a pod, once: like a deletion, but refused while a disruption budget forbids it.
 *
 * @throws EvictionBlockedError with the budget's own words
 * @throws NotFoundError; ConflictError when the UID is another one
 */
export async function evictPod(kube: KubeClient, pod: NamespacedName, options: DeletePodOptions = {}): Promise<void> {
  const { uid, gracePeriodSeconds, ...call } = options;
  const { namespace, name } = pod;
  const what = `evict Pod ${namespace}/${name}`;
  const body = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { namespace, name },
    deleteOptions: {
      ...(uid === undefined ? {} : { preconditions: { uid } }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    },
  };
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/eviction`;
  try {
    await kube.transport.text({ method: 'POST', path, body, what }, call);
  } catch (error) {
    // 429 is also what an overloaded API server answers, without naming a budget.
    if (
      error instanceof KubeError &&
      error.status === 429 &&
      /disruption budget/i.test(error.causes.join(' ') + error.message)
    ) {
      throw new EvictionBlockedError(`${what}: ${error.causes.join('; ') || error.message}`, error);
    }
    throw error;
  }
}

/**
 * Marks a pod as failed in its status, as a kubelet does that evicts it to free resources. The containers go on until
 * somebody deletes the pod: the operator does.
 *
 * @param options.reason @default 'Evicted'
 * @throws NotFoundError; ConflictError when the UID is another one
 */
export async function failPod(
  kube: KubeClient,
  pod: NamespacedName & { uid: string },
  options: CallOptions & { reason?: string } = {},
): Promise<void> {
  const { reason = 'Evicted', ...call } = options;
  const ref = { apiVersion: 'v1', kind: 'Pod', namespace: pod.namespace, name: pod.name };
  // A UID in the patch that is not the object's is refused with a conflict.
  const patch = {
    metadata: { uid: pod.uid },
    status: { phase: 'Failed', reason, message: 'marked as failed by a test' },
  };
  await kube.patch<V1Pod>(ref, patch, { ...call, subresource: 'status' });
}

/** Whether the error says that a pod of that name and UID does not exist (any more). */
export function isPodGoneError(error: unknown): boolean {
  return error instanceof NotFoundError || (error instanceof ConflictError && error.message.includes('UID'));
}
