import type { V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import type { NamespacedName } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import { getCluster, type ClusterWaitOptions } from './cluster.ts';
import { labels, names, phases } from './constants.ts';
import { instancesOf, type Instance } from './instances.ts';
import { operatorProblems } from './operator.ts';
import { crashLoops } from './pod-state.ts';
import { psqlProblem } from './psql.ts';
import { replicationFacts, walReceiver, type ReplicationFacts, type WalReceiver } from './replication.ts';
import { serviceEndpoints, type ServiceEndpoint } from './services.ts';
import { isReplicaCluster } from './replica-mode.ts';
import type { Cluster } from './types.ts';
import { probeWebhook } from './webhooks.ts';

/** What the judgement of {@link clusterHealth} rests on. */
export interface HealthFacts {
  phase: string;
  phaseReason: string;
  wantedInstances: number;
  /** It is a replica cluster: its primary follows another cluster and is in recovery itself. @default false */
  following?: boolean;
  readyInstances: number;
  currentPrimary?: string;
  targetPrimary?: string;
  timeline?: number;
  instances: Instance[];
  readWriteEndpoints: ServiceEndpoint[];
  /** What the primary says; undefined when it could not be asked. */
  replication?: ReplicationFacts;
  /** What each standby says, by name; one that could not be asked is missing. Undefined when none was asked. */
  receivers?: Record<string, WalReceiver>;
}

/** Whether a cluster works, by every measure. */
export interface ClusterHealth {
  healthy: boolean;
  /** What is wrong, one sentence each; empty when healthy. */
  problems: string[];
  facts: HealthFacts;
}

/** Options of {@link clusterHealth}. */
export interface HealthOptions {
  signal?: AbortSignal;
  /** Also ask the operator's webhook. @default false */
  webhook?: boolean;
  /** Namespace of the operator. @default searched in all */
  operatorNamespace?: string;
  /** Time limit for the answer of each instance in milliseconds. @default 10000 */
  sqlTimeoutMs?: number;
}

// Shorter than the usual one: whoever waits for health rather looks again.
const READ_TIMEOUT_MS = 10_000;

/**
 * Judges a cluster by: phase, number of ready instances, current and target primary, streaming of every standby on the
 * primary's timeline, the `-rw` service, the operator, and containers in back-off. One that is none of these is not
 * healthy, however green its phase.
 *
 * @throws NotFoundError when there is no such cluster; KubeError when the API server does not answer
 */
export async function clusterHealth(
  kube: KubeClient,
  ref: NamespacedName,
  options: HealthOptions = {},
): Promise<ClusterHealth> {
  const call = { timeoutMs: READ_TIMEOUT_MS, ...(options.signal === undefined ? {} : { signal: options.signal }) };
  const { operatorNamespace } = options;
  const [cluster, pods, endpoints, operator, webhook] = await Promise.all([
    getCluster(kube, ref, call),
    kube.list<V1Pod>(
      { apiVersion: 'v1', kind: 'Pod', namespace: ref.namespace },
      { labelSelector: `${labels.cluster}=${ref.name}`, ...call },
    ),
    serviceEndpoints(kube, { namespace: ref.namespace, name: names.readWriteService(ref.name) }, call),
    operatorProblems(kube, { ...call, ...(operatorNamespace === undefined ? {} : { namespace: operatorNamespace }) }),
    options.webhook === true ? probeWebhook(kube, { ...call, namespace: ref.namespace }) : undefined,
  ]);
  const facts = factsOf(cluster, pods, endpoints);
  const problems = [...judgeFacts(facts), ...pods.flatMap(crashLoops), ...operator];
  if (webhook?.problem !== undefined) problems.push(webhook.problem);

  problems.push(...(await askInstances(kube, ref, facts, options)));
  return { healthy: problems.length === 0, problems, facts };
}

/**
 * Waits until {@link clusterHealth} finds nothing wrong. Looks twice: what is healthy only for a moment does not count.
 *
 * @param options.timeoutMs @default 300000
 * @throws WaitTimeoutError naming the last problems
 */
export async function waitForHealthy(
  kube: KubeClient,
  ref: NamespacedName,
  options: ClusterWaitOptions & Omit<HealthOptions, 'signal'> = {},
): Promise<ClusterHealth> {
  const { timeoutMs = timeouts.clusterIsHealthy, signal: outer, onProgress, ...health } = options;
  let before = false;
  return await waitFor(
    `Cluster ${ref.namespace}/${ref.name} to be healthy`,
    async (signal, probe) => {
      const stable = before;
      before = false;
      const result = await clusterHealth(kube, ref, { ...health, signal });
      if (result.healthy && stable) return result;
      before = result.healthy;
      probe.observe(result.healthy ? 'healthy, looking again' : result.problems.join('; '));
      return undefined;
    },
    {
      timeoutMs,
      intervalMs: 1_000,
      ...(outer === undefined ? {} : { signal: outer }),
      ...(onProgress === undefined ? {} : { onProgress }),
    },
  );
}

/** Asks primary and standbys at once, puts their answers into `facts`, and says what is wrong with them. */
async function askInstances(
  kube: KubeClient,
  ref: NamespacedName,
  facts: HealthFacts,
  options: HealthOptions,
): Promise<string[]> {
  const receivers: Record<string, WalReceiver> = {};
  facts.receivers = receivers;
  const answers = await Promise.all(
    facts.instances.map(async (instance) => {
      try {
        if (instance.name === facts.currentPrimary) {
          facts.replication = await replicationFacts(kube, ref, instance, options);
        } else {
          receivers[instance.name] = await walReceiver(kube, ref, instance, options);
        }
        return [];
      } catch (error) {
        options.signal?.throwIfAborted();
        return [`instance ${instance.name} could not be asked: ${psqlProblem(error)}`];
      }
    }),
  );
  return [...answers.flat(), ...judgeReplication(facts)];
}

function factsOf(cluster: Cluster, pods: V1Pod[], readWriteEndpoints: ServiceEndpoint[]): HealthFacts {
  const { status } = cluster;
  return {
    phase: status?.phase ?? '',
    phaseReason: status?.phaseReason ?? '',
    wantedInstances: cluster.spec.instances,
    ...(isReplicaCluster(cluster) ? { following: true } : {}),
    readyInstances: status?.readyInstances ?? 0,
    ...(status?.currentPrimary === undefined ? {} : { currentPrimary: status.currentPrimary }),
    ...(status?.targetPrimary === undefined ? {} : { targetPrimary: status.targetPrimary }),
    ...(status?.timelineID === undefined ? {} : { timeline: status.timelineID }),
    instances: instancesOf(pods),
    readWriteEndpoints,
  };
}

/** What is wrong by what Kubernetes and the operator say. */
export function judgeFacts(facts: HealthFacts): string[] {
  const problems: string[] = [];
  const { phase, phaseReason, wantedInstances, readyInstances, currentPrimary, targetPrimary, instances } = facts;
  if (phase !== phases.healthy) {
    const reason = phaseReason === '' ? '' : ` (${phaseReason})`;
    problems.push(phase === '' ? 'the cluster has no phase yet' : `the phase is "${phase}"${reason}`);
  }
  if (readyInstances !== wantedInstances) problems.push(`${readyInstances} of ${wantedInstances} instances are ready`);
  const alive = instances.filter(({ pod }) => !pod.terminating);
  if (alive.length !== wantedInstances)
    problems.push(`there are ${alive.length} instance pods, ${wantedInstances} are wanted`);
  for (const { name, pod } of instances) {
    if (pod.terminating) problems.push(`instance ${name} is being deleted`);
    else if (!pod.ready) problems.push(`instance ${name} is not ready (${pod.phase})`);
  }
  if (currentPrimary === undefined || currentPrimary === '') problems.push('the status names no current primary');
  else if (currentPrimary !== targetPrimary) {
    problems.push(`the current primary is ${currentPrimary}, the target primary is ${targetPrimary ?? 'not set'}`);
  }
  const labelled = alive.filter(({ isPrimary }) => isPrimary).map(({ name }) => name);
  if (labelled.length !== 1 || labelled[0] !== currentPrimary) {
    problems.push(
      `the pods labelled primary are: ${labelled.join(', ') || 'none'}; expected: ${currentPrimary ?? 'one'}`,
    );
  }
  problems.push(...judgeEndpoints(facts));
  return problems;
}

function judgeEndpoints({ readWriteEndpoints, instances, currentPrimary }: HealthFacts): string[] {
  const primary = instances.find(({ name }) => name === currentPrimary);
  const ready = readWriteEndpoints.filter((endpoint) => endpoint.ready).map(({ ip }) => ip);
  if (primary?.pod.ip !== undefined && ready.length === 1 && ready[0] === primary.pod.ip) return [];
  const found = ready.map((ip) => `${instances.find(({ pod }) => pod.ip === ip)?.name ?? 'no instance'} (${ip})`);
  const expected = primary === undefined ? 'a primary' : `${primary.name} (${primary.pod.ip ?? 'no address'})`;
  return [`the -rw service leads to ${found.join(', ') || 'nobody'}; expected: ${expected}`];
}

/** What is wrong by what the instances say about replication. Instances that did not answer are not judged. */
export function judgeReplication(facts: HealthFacts): string[] {
  const { replication, receivers = {}, instances, timeline, following = false } = facts;
  if (replication === undefined) return [];
  const problems: string[] = [];
  const { askedAt, standbys } = replication;
  if (replication.recovering && !following) {
    problems.push(`${askedAt} is in recovery although it is the current primary`);
  }
  if (!replication.recovering && following) {
    problems.push(`${askedAt} is not in recovery although the cluster follows another one`);
  }
  if (timeline !== undefined && timeline !== replication.timeline) {
    problems.push(`${askedAt} is on timeline ${replication.timeline}, the status says ${timeline}`);
  }
  for (const { name } of instances) {
    if (name === askedAt) continue;
    const states = standbys.filter((standby) => standby.name === name).map(({ state }) => state);
    if (states.length === 0) problems.push(`standby ${name} is not connected to the primary`);
    else if (!states.includes('streaming')) problems.push(`standby ${name} is not streaming (${states.join(', ')})`);
    const receiver = receivers[name];
    if (receiver === undefined) continue;
    if (receiver.status !== 'streaming') {
      problems.push(`standby ${name} is not receiving (${receiver.status ?? 'no WAL receiver'})`);
    } else if (receiver.timeline !== replication.timeline) {
      problems.push(
        `standby ${name} receives timeline ${receiver.timeline ?? 'none'}, the primary is on timeline ${replication.timeline}`,
      );
    }
  }
  return problems;
}
