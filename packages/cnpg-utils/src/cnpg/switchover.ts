import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { ConflictError } from '../kube/errors.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { retry } from '../retry.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import { clusterRef, describeCluster, getCluster, type ClusterWaitOptions } from './cluster.ts';
import { checkCluster } from './schemas.ts';
import { conditions, PENDING_PRIMARY, phases } from './constants.ts';
import { listInstances, type Instance } from './instances.ts';
import { isPodTerminating } from './pod-state.ts';
import type { Cluster, ClusterCondition } from './types.ts';

/** A switchover was not asked for, because it could not mean what was intended. */
export class SwitchoverRefusedError extends Error {
  override readonly name = 'SwitchoverRefusedError';
  readonly code = 'CNPG_SWITCHOVER_REFUSED';
}

/** Options of {@link setTargetPrimary}. */
export interface SetTargetPrimaryOptions extends CallOptions {
  /** UID that the pod of the new primary must have. */
  uid?: string;
  /** Change the target also while a failover or another switchover is under way. @default false */
  whileChanging?: boolean;
}

/**
 * Asks for a switchover, the way `kubectl cnpg promote` does: writes the new target into the cluster's status, which
 * the operator's webhook does not see. Returns at once; see {@link waitForPrimaryChange}. Changes nothing when the
 * instance is the target already.
 *
 * @param instance name of the instance that shall become primary
 * @throws SwitchoverRefusedError when it has no pod, its pod is being deleted or has another UID, or the primary is
 * just changing
 */
export async function setTargetPrimary(
  kube: KubeClient,
  ref: NamespacedName,
  instance: string,
  options: SetTargetPrimaryOptions = {},
): Promise<Cluster> {
  const { uid, whileChanging = false, ...call } = options;
  // The operator writes the status all the time; a conflict means that nothing was written by us.
  return await retry(
    async () => {
      const [cluster, pod] = await Promise.all([
        getCluster(kube, ref, call),
        kube.find<V1Pod>({ apiVersion: 'v1', kind: 'Pod', namespace: ref.namespace, name: instance }, call),
      ]);
      const where = `Cluster ${ref.namespace}/${ref.name}: switchover to ${instance} refused`;
      if (pod === undefined) throw new SwitchoverRefusedError(`${where}: it has no pod`);
      if (isPodTerminating(pod)) throw new SwitchoverRefusedError(`${where}: its pod is being deleted`);
      if (uid !== undefined && pod.metadata?.uid !== uid) {
        throw new SwitchoverRefusedError(`${where}: its pod has UID ${pod.metadata?.uid ?? '?'}, not ${uid}`);
      }
      const { currentPrimary, targetPrimary } = cluster.status ?? {};
      if (targetPrimary === instance) return cluster;
      if (!whileChanging && (currentPrimary === undefined || currentPrimary !== targetPrimary)) {
        throw new SwitchoverRefusedError(`${where}: the primary is changing (${describeCluster(cluster)})`);
      }
      const { resourceVersion } = cluster.metadata ?? {};
      const patch = {
        metadata: resourceVersion === undefined ? {} : { resourceVersion },
        status: {
          targetPrimary: instance,
          targetPrimaryTimestamp: microseconds(new Date()),
          phase: phases.switchover,
          phaseReason: `Switching over to ${instance}`,
          conditions: notReady(cluster.status?.conditions ?? []),
        },
      };
      return checkCluster(await kube.patch<Cluster>(clusterRef(ref), patch, { ...call, subresource: 'status' }));
    },
    {
      retryIf: (error) => error instanceof ConflictError,
      retries: 8,
      minTimeoutMs: 20,
      maxTimeoutMs: 500,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    },
  );
}

/** Options of {@link waitForPrimaryChange}. */
export interface PrimaryChangeOptions extends ClusterWaitOptions {
  /** Name of the primary before the change. Read it before you act. */
  from: string;
}

/**
 * Waits until another instance is primary: it promoted itself (`status.currentPrimary`), the operator wants it
 * (`status.targetPrimary`), and its pod alone carries the label. An undecided failover (`pending`) is no change. For
 * waiting, not for measuring: it looks twice a second.
 *
 * @param options.timeoutMs @default 240000 (`timeouts.failover`)
 * @returns the new primary
 * @throws WaitTimeoutError
 */
export async function waitForPrimaryChange(
  kube: KubeClient,
  ref: NamespacedName,
  options: PrimaryChangeOptions,
): Promise<Instance> {
  const { from, ...wait } = options;
  return await waitFor(
    `Cluster ${ref.namespace}/${ref.name} to have another primary than ${from}`,
    async (signal, probe) => {
      const [cluster, instances] = await Promise.all([
        getCluster(kube, ref, { signal }),
        listInstances(kube, ref, { signal }),
      ]);
      const labelled = instances.filter(({ isPrimary, pod }) => isPrimary && !pod.terminating);
      const names = labelled.map(({ name }) => name).join(', ') || 'nobody';
      probe.observe(`${describeCluster(cluster)}; labelled primary: ${names}`);
      const { currentPrimary, targetPrimary } = cluster.status ?? {};
      if (currentPrimary !== targetPrimary || !isDecided(currentPrimary, from)) return undefined;
      const [primary, another] = labelled;
      return another === undefined && primary?.name === currentPrimary ? primary : undefined;
    },
    { ...wait, timeoutMs: wait.timeoutMs ?? timeouts.failover, intervalMs: 500 },
  );
}

/**
 * Waits until the operator has chosen another instance as target. It need not be promoted yet.
 *
 * @param options.timeoutMs @default 120000 (`timeouts.newTargetOnFailover`)
 * @returns name of the target
 * @throws WaitTimeoutError
 */
export async function waitForNewTarget(
  kube: KubeClient,
  ref: NamespacedName,
  options: PrimaryChangeOptions,
): Promise<string> {
  const { from, ...wait } = options;
  return await waitFor(
    `Cluster ${ref.namespace}/${ref.name} to choose another primary than ${from}`,
    async (signal, probe) => {
      const cluster = await getCluster(kube, ref, { signal });
      probe.observe(describeCluster(cluster));
      const target = cluster.status?.targetPrimary;
      return isDecided(target, from) ? target : undefined;
    },
    { ...wait, timeoutMs: wait.timeoutMs ?? timeouts.newTargetOnFailover, intervalMs: 500 },
  );
}

function isDecided(name: string | undefined, from: string): name is string {
  return name !== undefined && name !== '' && name !== PENDING_PRIMARY && name !== from;
}

// A merge patch replaces the whole list.
function notReady(present: ClusterCondition[]): ClusterCondition[] {
  const before = present.find(({ type }) => type === conditions.ready);
  const ready: ClusterCondition = {
    type: conditions.ready,
    status: 'False',
    reason: 'ClusterIsNotReady',
    message: 'Cluster Is Not Ready',
    lastTransitionTime:
      before?.status === 'False' && before.lastTransitionTime !== undefined
        ? before.lastTransitionTime
        : new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
  };
  return [...present.filter(({ type }) => type !== conditions.ready), ready];
}

// CloudNativePG parses timestamps of exactly this form.
function microseconds(time: Date): string {
  return time.toISOString().replace(/Z$/, '000Z');
}
