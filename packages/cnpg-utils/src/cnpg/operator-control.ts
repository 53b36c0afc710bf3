import type { V1Deployment } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { podLogs, type LogOptions } from '../kube/logs.ts';
import type { CallOptions } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { ClusterWaitOptions } from './cluster.ts';
import { operatorStatus, waitForOperatorReady, type OperatorOptions, type OperatorStatus } from './operator.ts';
import { deletePod, isPodGoneError, waitForPodGone } from './pods.ts';

/** Options of the functions that change the operator and wait. */
export interface OperatorWaitOptions extends ClusterWaitOptions {
  /** @default all namespaces */
  namespace?: string;
}

/**
 * Asks for another number of operator pods and waits until it is so. With 0: until no pod of it is left; nobody then
 * fails over, and writes to clusters are refused because their webhook is gone.
 *
 * @param options.timeoutMs @default 120000 (`timeouts.operatorIsReady`)
 * @throws OperatorNotFoundError, WaitTimeoutError
 */
export async function scaleOperator(
  kube: KubeClient,
  replicas: number,
  options: OperatorWaitOptions = {},
): Promise<OperatorStatus> {
  const before = await operatorStatus(kube, placeOf(options));
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: before.namespace, name: before.deployment };
  await kube.patch<V1Deployment>(ref, { spec: { replicas } }, callOf(options));
  const { namespace: _, ...wait } = options;
  if (replicas > 0) return await waitForOperatorReady(kube, { ...wait, namespace: before.namespace });
  return await waitFor(
    'the operator to have no pods',
    async (signal, probe) => {
      const status = await operatorStatus(kube, { namespace: before.namespace, signal });
      if (status.replicas.wanted === 0 && status.pods.length === 0) return status;
      probe.observe(`${status.pods.length} pods left: ${status.pods.map(({ name }) => name).join(', ')}`);
      return undefined;
    },
    { ...wait, timeoutMs: wait.timeoutMs ?? timeouts.operatorIsReady, intervalMs: 500 },
  );
}

/**
 * Deletes all pods of the operator, waits until these very pods are gone, and then until their successors are ready and
 * their webhook answers.
 *
 * @param options.gracePeriodSeconds @default 1
 * @param options.timeoutMs of each of the two waits. @default 120000 (`timeouts.operatorIsReady`)
 * @throws OperatorNotFoundError, WaitTimeoutError
 */
export async function restartOperator(
  kube: KubeClient,
  options: OperatorWaitOptions & { gracePeriodSeconds?: number } = {},
): Promise<OperatorStatus> {
  const { gracePeriodSeconds = 1, namespace: _, ...wait } = options;
  const before = await operatorStatus(kube, placeOf(options));
  await Promise.all(
    before.pods.map(async ({ name, uid }) => {
      const pod = { namespace: before.namespace, name };
      try {
        await deletePod(kube, pod, { uid, gracePeriodSeconds, ...callOf(options) });
      } catch (error) {
        if (!isPodGoneError(error)) throw error;
      }
      await waitForPodGone(kube, { ...pod, uid }, { ...wait, timeoutMs: wait.timeoutMs ?? timeouts.operatorIsReady });
    }),
  );
  return await waitForOperatorReady(kube, { ...wait, namespace: before.namespace });
}

/** What happened to the operator's pods since a status was taken, as sentences; empty when all are the same. */
export function operatorChanges(before: OperatorStatus, now: OperatorStatus): string[] {
  return before.pods.flatMap(({ name, uid, restarts }) => {
    const same = now.pods.find((pod) => pod.uid === uid);
    if (same === undefined) return [`operator pod ${name} was replaced`];
    return same.restarts > restarts ? [`operator pod ${name} was restarted ${same.restarts - restarts} times`] : [];
  });
}

/** Logs of all pods of the operator, by pod. */
export async function operatorLogs(
  kube: KubeClient,
  options: OperatorOptions & Omit<LogOptions, keyof CallOptions> = {},
): Promise<Record<string, string>> {
  const { namespace, signal, timeoutMs, ...log } = options;
  const call = {
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  const status = await operatorStatus(kube, { ...call, ...(namespace === undefined ? {} : { namespace }) });
  const entries = await Promise.all(
    status.pods.map(
      async ({ name }) =>
        [name, await podLogs(kube, { namespace: status.namespace, pod: name }, { ...call, ...log })] as const,
    ),
  );
  return Object.fromEntries(entries);
}

function placeOf(options: OperatorWaitOptions): OperatorOptions {
  return { ...callOf(options), ...(options.namespace === undefined ? {} : { namespace: options.namespace }) };
}

function callOf(options: { signal?: AbortSignal }): CallOptions {
  return options.signal === undefined ? {} : { signal: options.signal };
}
