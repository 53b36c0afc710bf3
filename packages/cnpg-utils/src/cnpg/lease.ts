import type { V1Lease } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { ClusterWaitOptions } from './cluster.ts';
import { names, OPERATOR_LEASE } from './constants.ts';
import { operatorStatus, type OperatorOptions } from './operator.ts';

/** A Lease as its holder wrote it. */
export interface LeaseState {
  /** Undefined when nobody holds it: its last holder has released it. */
  holder?: string;
  /** How long it is valid without being renewed, in seconds. */
  durationSeconds?: number;
  /** When its holder took it, by the holder's clock. */
  acquiredAt?: Date;
  /** When its holder renewed it last, by the holder's clock: not to be compared with ours. */
  renewedAt?: Date;
  /** How often it changed hands. */
  transitions: number;
  uid: string;
  resourceVersion: string;
  /** Kind and name of the objects that own it, such as `Cluster/db`. */
  owners: string[];
}

/**
 * The Lease that the primary of a cluster holds (since CloudNativePG 1.30). Its holder is the name of the primary's pod.
 * Undefined when there is none.
 */
export async function primaryLease(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<LeaseState | undefined> {
  return await readLease(kube, { namespace: ref.namespace, name: names.primaryLease(ref.name) }, options);
}

/**
 * Waits until the primary's Lease has a holder that will do.
 *
 * @param wanted name of a pod, or a test of a name
 * @param options.timeoutMs @default 45000 (`timeouts.newPrimaryAfterSwitchover`)
 * @throws WaitTimeoutError with the last holder
 */
export async function waitForPrimaryLease(
  kube: KubeClient,
  ref: NamespacedName,
  wanted: string | ((holder: string) => boolean),
  options: ClusterWaitOptions = {},
): Promise<LeaseState> {
  const test = typeof wanted === 'string' ? (holder: string) => holder === wanted : wanted;
  return await waitFor(
    `the primary's lease of Cluster ${ref.namespace}/${ref.name}${typeof wanted === 'string' ? ` to be held by ${wanted}` : ''}`,
    async (signal, probe) => {
      const lease = await primaryLease(kube, ref, { signal });
      if (lease?.holder !== undefined && test(lease.holder)) return lease;
      probe.observe(lease === undefined ? 'there is no lease' : `held by ${lease.holder ?? 'nobody'}`);
      return undefined;
    },
    { ...options, timeoutMs: options.timeoutMs ?? timeouts.newPrimaryAfterSwitchover, intervalMs: 500 },
  );
}

/**
 * Writes another holder into the primary's Lease, once, and only if nobody changed it since it was read. A fault: the
 * instance manager of the real primary ends when it sees that somebody else holds it.
 *
 * @throws NotFoundError; ConflictError when it was renewed meanwhile (nothing was written then)
 */
export async function stealPrimaryLease(
  kube: KubeClient,
  ref: NamespacedName,
  holder: string,
  options: CallOptions = {},
): Promise<void> {
  const lease = await kube.get<V1Lease>(
    { ...LEASE, namespace: ref.namespace, name: names.primaryLease(ref.name) },
    options,
  );
  const now = new Date().toISOString().replace(/Z$/, '000Z');
  const { resourceVersion } = lease.metadata ?? {};
  await kube.patch(
    { ...LEASE, namespace: ref.namespace, name: names.primaryLease(ref.name) },
    {
      metadata: resourceVersion === undefined ? {} : { resourceVersion },
      spec: {
        holderIdentity: holder,
        acquireTime: now,
        renewTime: now,
        leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1,
      },
    },
    options,
  );
}

/** Who leads the operator. */
export interface OperatorLeader {
  /** Name of the pod. */
  pod: string;
  /** As the Lease has it: pod and a random suffix. */
  identity: string;
  transitions: number;
}

/**
 * The operator's pod that holds its Lease and so is the one that acts. Undefined when nobody leads.
 *
 * @throws OperatorNotFoundError
 */
export async function operatorLeader(
  kube: KubeClient,
  options: OperatorOptions = {},
): Promise<OperatorLeader | undefined> {
  const { namespace: given, ...call } = options;
  const namespace = given ?? (await operatorStatus(kube, call)).namespace;
  const lease = await readLease(kube, { namespace, name: OPERATOR_LEASE }, call);
  if (lease?.holder === undefined) return undefined;
  return { pod: lease.holder.replace(/_[^_]*$/, ''), identity: lease.holder, transitions: lease.transitions };
}

const LEASE = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const;

async function readLease(kube: KubeClient, ref: NamespacedName, options: CallOptions): Promise<LeaseState | undefined> {
  const lease = await kube.find<V1Lease>({ ...LEASE, ...ref }, options);
  if (lease === undefined) return undefined;
  const { holderIdentity, leaseDurationSeconds, acquireTime, renewTime, leaseTransitions } = lease.spec ?? {};
  return {
    ...(holderIdentity === undefined || holderIdentity === '' ? {} : { holder: holderIdentity }),
    ...(leaseDurationSeconds === undefined ? {} : { durationSeconds: leaseDurationSeconds }),
    ...(acquireTime === undefined ? {} : { acquiredAt: new Date(acquireTime) }),
    ...(renewTime === undefined ? {} : { renewedAt: new Date(renewTime) }),
    transitions: leaseTransitions ?? 0,
    uid: lease.metadata?.uid ?? '',
    resourceVersion: lease.metadata?.resourceVersion ?? '',
    owners: (lease.metadata?.ownerReferences ?? []).map(({ kind, name }) => `${kind}/${name}`),
  };
}
