import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { hasAnnotations, hasLabels } from '../kube/metadata.ts';
import { getCluster } from './cluster.ts';
import { labels } from './constants.ts';
import { currentPrimary, listInstances, type Instance } from './instances.ts';
import { PsqlError, psqlRows } from './psql.ts';
import { primaryTruth, type PrimaryTruth } from './roles.ts';
import { replicationFacts, walReceiver } from './replication.ts';
import type { V1Pod } from '@kubernetes/client-node';

/** Something that should hold does not. For any test runner: it is a plain error. */
export class ClusterAssertionError extends Error {
  override readonly name = 'ClusterAssertionError';
  readonly code = 'CNPG_ASSERTION';
  /** One sentence each. */
  readonly problems: readonly string[];

  constructor(ref: NamespacedName, what: string, problems: readonly string[]) {
    super(`Cluster ${ref.namespace}/${ref.name}: ${what}:\n${problems.join('\n')}`);
    this.problems = problems;
  }
}

/**
 * All sources name the same primary.
 *
 * @throws ClusterAssertionError with each disagreement
 */
export async function assertRolesConsistent(
  kube: KubeClient,
  ref: NamespacedName,
  options: { signal?: AbortSignal } = {},
): Promise<PrimaryTruth & { agreed: string }> {
  const truth = await primaryTruth(kube, ref, options);
  const { agreed } = truth;
  if (agreed === undefined)
    throw new ClusterAssertionError(ref, 'not everybody names the same primary', truth.disagreements);
  return { ...truth, agreed };
}

/**
 * Exactly one instance takes writes, as the instances themselves say.
 *
 * @throws ClusterAssertionError naming those that do, and those that did not answer: they might, too
 */
export async function assertSinglePrimary(
  kube: KubeClient,
  ref: NamespacedName,
  options: { signal?: AbortSignal } = {},
): Promise<string> {
  const { writable, sources } = await primaryTruth(kube, ref, options);
  const silent = Object.entries(sources.recovery).flatMap(([name, answer]) =>
    answer.state === 'unknown' ? [`${name} did not answer: ${answer.why}`] : [],
  );
  const [only] = writable;
  if (only !== undefined && writable.length === 1 && silent.length === 0) return only;
  throw new ClusterAssertionError(ref, 'not exactly one instance takes writes', [
    `taking writes: ${writable.join(', ') || 'none'}`,
    ...silent,
  ]);
}

/**
 * Every standby streams from the primary, on its timeline.
 *
 * @returns the timeline
 * @throws ClusterAssertionError naming each that does not; a cluster without standbys is refused, too
 */
export async function assertStreaming(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<number> {
  const [primary, instances] = await Promise.all([
    currentPrimary(kube, ref, options),
    listInstances(kube, ref, options),
  ]);
  const { standbys, timeline } = await replicationFacts(kube, ref, primary, options);
  const others = instances.filter(({ name }) => name !== primary.name);
  const problems = await Promise.all(others.map((standby) => streamingProblem(standby)));
  if (others.length === 0) problems.push('there are no standbys');
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new ClusterAssertionError(ref, `not every standby streams from ${primary.name}`, found);
  return timeline;

  async function streamingProblem(standby: Instance): Promise<string | undefined> {
    const seen = standbys.find(({ name }) => name === standby.name);
    if (seen === undefined) return `${standby.name} is not connected to ${primary.name}`;
    if (seen.state !== 'streaming') return `${standby.name} is in state ${seen.state}`;
    const receiver = await walReceiver(kube, ref, standby, options);
    if (receiver.timeline === timeline) return undefined;
    return `${standby.name} receives timeline ${receiver.timeline ?? 'none'}, the primary is on ${timeline}`;
  }
}

/**
 * Every standby followed a promotion: it streams on a later timeline than before.
 *
 * @param before the timeline before the promotion
 * @throws ClusterAssertionError
 */
export async function assertFollowPromotion(
  kube: KubeClient,
  ref: NamespacedName,
  before: number,
  options: CallOptions = {},
): Promise<number> {
  const timeline = await assertStreaming(kube, ref, options);
  if (timeline > before) return timeline;
  throw new ClusterAssertionError(ref, 'there was no promotion', [`timeline ${timeline}, before it was ${before}`]);
}

/**
 * An instance refuses writes because it is a standby.
 *
 * @throws ClusterAssertionError when it takes them; PsqlError when it refuses them for another reason, or does not answer
 */
export async function assertWritesRefused(
  kube: KubeClient,
  ref: NamespacedName,
  instance: Instance,
  options: CallOptions = {},
): Promise<void> {
  const pod = { namespace: ref.namespace, name: instance.pod.name };
  try {
    // Takes a transaction id, which only a primary has to give, and leaves nothing behind.
    await psqlRows(kube, pod, 'SELECT pg_current_xact_id()::text', options);
  } catch (error) {
    if (error instanceof PsqlError && /recovery|read-only/.test(error.message)) return;
    throw error;
  }
  throw new ClusterAssertionError(ref, `${instance.name} takes writes`, ['it should be a standby']);
}

/**
 * There are as many instance pods as the cluster wants, and each has some labels and annotations.
 *
 * @throws ClusterAssertionError naming each pod that has not
 */
export async function assertAllPodsHave(
  kube: KubeClient,
  ref: NamespacedName,
  wanted: { labels?: Record<string, string>; annotations?: Record<string, string> },
  options: CallOptions = {},
): Promise<void> {
  const [cluster, pods] = await Promise.all([
    getCluster(kube, ref, options),
    kube.list<V1Pod>(
      { apiVersion: 'v1', kind: 'Pod', namespace: ref.namespace },
      { labelSelector: `${labels.cluster}=${ref.name},${labels.podRole}=instance`, ...options },
    ),
  ]);
  const problems = pods
    .filter((pod) => !hasLabels(pod, wanted.labels ?? {}) || !hasAnnotations(pod, wanted.annotations ?? {}))
    .map(({ metadata }) => `${metadata?.name ?? '?'} has not`);
  const { instances } = cluster.spec;
  if (pods.length !== instances) problems.push(`there are ${pods.length} instance pods, ${instances} are wanted`);
  if (problems.length === 0) return;
  throw new ClusterAssertionError(ref, `not every pod has ${JSON.stringify(wanted)}`, problems);
}
