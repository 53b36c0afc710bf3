import type { V1Node, V1Pod, V1Taint } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { ConflictError, isTransientKubeError } from '../kube/errors.ts';
import type { CallOptions } from '../kube/refs.ts';
import { retry } from '../retry.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { ClusterWaitOptions } from './cluster.ts';
import { evictPod, EvictionBlockedError, isPodGoneError } from './pods.ts';

/** A taint of a node. */
export interface Taint {
  key: string;
  value?: string;
  effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/** All nodes. */
export async function listNodes(kube: KubeClient, options: CallOptions = {}): Promise<V1Node[]> {
  return await kube.list<V1Node>({ apiVersion: 'v1', kind: 'Node' }, options);
}

/** Keeps new pods away from a node. The operator moves primaries away from it, too. */
export async function cordonNode(kube: KubeClient, node: string, options: CallOptions = {}): Promise<void> {
  await kube.patch<V1Node>(nodeRef(node), { spec: { unschedulable: true } }, options);
}

/** Lets new pods onto a node again. */
export async function uncordonNode(kube: KubeClient, node: string, options: CallOptions = {}): Promise<void> {
  await kube.patch<V1Node>(nodeRef(node), { spec: { unschedulable: null } }, options);
}

/** Uncordons every node that is cordoned. Returns their names. */
export async function uncordonAll(kube: KubeClient, options: CallOptions = {}): Promise<string[]> {
  const cordoned = (await listNodes(kube, options))
    .filter(({ spec }) => spec?.unschedulable === true)
    .flatMap(({ metadata }) => (metadata?.name === undefined ? [] : [metadata.name]));
  await Promise.all(cordoned.map((node) => uncordonNode(kube, node, options)));
  return cordoned;
}

/** Adds a taint to a node, or changes the one with the same key and effect. */
export async function taintNode(
  kube: KubeClient,
  node: string,
  taint: Taint,
  options: CallOptions = {},
): Promise<void> {
  await editTaints(kube, node, (taints) => [...taints.filter((other) => !sameTaint(other, taint)), taint], options);
}

/** Removes the taint with that key and effect from a node. False when it had none. */
export async function untaintNode(
  kube: KubeClient,
  node: string,
  taint: Pick<Taint, 'key' | 'effect'>,
  options: CallOptions = {},
): Promise<boolean> {
  return await editTaints(kube, node, (taints) => taints.filter((other) => !sameTaint(other, taint)), options);
}

/**
 * Whether the control plane hears of a node: its Ready condition is `True` and it is not marked unreachable. `Unknown`,
 * which is what a lost node has, is not reachable.
 */
export function isNodeReachable(node: V1Node): boolean {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return ready === 'True' && node.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/unreachable') !== true;
}

/** Options of {@link drainNode}. */
export interface DrainOptions extends ClusterWaitOptions {
  /** Evict only pods with these labels, such as `cnpg.io/cluster=db`. @default all */
  labelSelector?: string;
  /** Evict only pods of this namespace. @default all */
  namespace?: string;
  /** Cordon the node first, as `kubectl drain` does. @default true */
  cordon?: boolean;
  /** Seconds given to each pod's containers. @default each pod's own */
  gracePeriodSeconds?: number;
  /** Pause before a pod that a budget protects is tried again, in milliseconds. @default 2000 */
  blockedPauseMs?: number;
}

/** What a drain did. */
export interface DrainResult {
  /** Pods that were evicted, in that order. */
  evicted: { namespace: string; name: string; uid: string }[];
  /** What disruption budgets said, each sentence once. */
  blockedBy: string[];
}

/**
 * Drains a node: cordons it, evicts its pods, and waits until they are gone. Pods of DaemonSets and static pods stay,
 * as with `kubectl drain --ignore-daemonsets --delete-emptydir-data --force`. Where a disruption budget forbids an
 * eviction it is tried again until the deadline. Pods that come to the node later are left alone. The node stays cordoned whatever happens: {@link uncordonNode} is
 * yours to call.
 *
 * @param options.timeoutMs @default 900000 (`timeouts.drainNode`)
 * @throws WaitTimeoutError naming the pods that are left and the budgets that protect them
 */
export async function drainNode(kube: KubeClient, node: string, options: DrainOptions = {}): Promise<DrainResult> {
  const { labelSelector, namespace, cordon = true, gracePeriodSeconds, blockedPauseMs = 2000, ...wait } = options;
  if (cordon) await cordonNode(kube, node, wait.signal === undefined ? {} : { signal: wait.signal });
  const evicted: DrainResult['evicted'] = [];
  const asked = new Set<string>();
  const blocked = new Map<string, { untilMs: number; why: string }>();
  let there: Set<string | undefined> | undefined;
  const blockedBy = new Set<string>();
  await waitFor(
    `node ${node} to be drained`,
    async (signal, probe) => {
      const pods = await kube.list<V1Pod>(
        { apiVersion: 'v1', kind: 'Pod', ...(namespace === undefined ? {} : { namespace }) },
        {
          fieldSelector: `spec.nodeName=${node}`,
          ...(labelSelector === undefined ? {} : { labelSelector }),
          signal,
        },
      );
      there ??= new Set(pods.map(({ metadata }) => metadata?.uid));
      const movable = pods.filter((pod) => isMovable(pod) && there?.has(pod.metadata?.uid) === true);
      if (movable.length === 0) return true;
      const states: string[] = [];
      for (const pod of movable) {
        const id = {
          namespace: pod.metadata?.namespace ?? '',
          name: pod.metadata?.name ?? '',
          uid: pod.metadata?.uid ?? '',
        };
        const label = `${id.namespace}/${id.name}`;
        if (pod.metadata?.deletionTimestamp !== undefined || asked.has(id.uid)) {
          states.push(`${label} is ending`);
          continue;
        }
        const block = blocked.get(id.uid);
        if (block !== undefined && block.untilMs > performance.now()) {
          states.push(block.why);
          continue;
        }
        try {
          await evictPod(kube, id, {
            uid: id.uid,
            signal,
            ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
          });
          asked.add(id.uid);
          evicted.push(id);
          states.push(`${label} was evicted`);
        } catch (error) {
          if (isPodGoneError(error)) continue;
          if (!(error instanceof EvictionBlockedError)) throw error;
          blocked.set(id.uid, { untilMs: performance.now() + blockedPauseMs, why: error.message });
          blockedBy.add(error.message);
          states.push(error.message);
        }
      }
      probe.observe(states.join('; ') || 'pods are just going');
      return undefined;
    },
    { ...wait, timeoutMs: wait.timeoutMs ?? timeouts.drainNode, intervalMs: 500 },
  );
  return { evicted, blockedBy: [...blockedBy] };
}

function isMovable(pod: V1Pod): boolean {
  if (pod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined) return false;
  return pod.metadata?.ownerReferences?.some(({ kind, controller }) => kind === 'DaemonSet' && controller) !== true;
}

function sameTaint(a: Pick<Taint, 'key' | 'effect'> | V1Taint, b: Pick<Taint, 'key' | 'effect'>): boolean {
  return a.key === b.key && a.effect === b.effect;
}

async function editTaints(
  kube: KubeClient,
  name: string,
  change: (taints: V1Taint[]) => V1Taint[],
  options: CallOptions,
): Promise<boolean> {
  return await retry(
    async () => {
      const node = await kube.get<V1Node>(nodeRef(name), options);
      const before = node.spec?.taints ?? [];
      const after = change(before);
      if (JSON.stringify(after) === JSON.stringify(before)) return false;
      const resourceVersion = node.metadata?.resourceVersion;
      const metadata = resourceVersion === undefined ? {} : { resourceVersion };
      await kube.patch<V1Node>(nodeRef(name), { metadata, spec: { taints: after } }, options);
      return true;
    },
    {
      retryIf: (error) => error instanceof ConflictError || isTransientKubeError(error),
      retries: 8,
      minTimeoutMs: 50,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
}

function nodeRef(name: string) {
  return { apiVersion: 'v1', kind: 'Node', name };
}
