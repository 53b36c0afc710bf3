import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError, ForbiddenError, type KubeClient, NotFoundError } from '@cnpg-chaos/cnpg-utils';
import type { UndoStep } from '../engine.ts';
import { retryConflicts } from '../retry-transient.ts';
import { chaosMeshApiVersion } from './chaos-object.ts';

/** What the controller writes per pod, named like the pod: the rules of all fault objects that hit it. */
export interface PodLevelObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; uid?: string; generation?: number; resourceVersion?: string };
  spec?: Record<string, unknown>;
  status?: { observedGeneration?: number; failedMessage?: string };
}

/** Fault kinds whose rules are kept per pod, and where. */
export const podLevelKinds: Readonly<Record<string, string>> = {
  NetworkChaos: 'PodNetworkChaos',
  IOChaos: 'PodIOChaos',
};

/** Name of the undo that takes the rules of a fault object, which is gone, off a pod. */
export const releasePodKind = 'release-pod';

/** The undo of rules that are left on a pod. */
export function releasePodStep(kind: string, pod: { namespace: string; name: string }, source: string): UndoStep {
  return { kind: releasePodKind, data: { kind, namespace: pod.namespace, name: pod.name, source } };
}

/**
 * What is missing before the rules of a fault object are in force in a pod; undefined when nothing is.
 *
 * @param source `namespace/name` of the fault object
 */
export async function podLevelProblem(
  kube: KubeClient,
  kind: string,
  pod: { namespace: string; name: string },
  source: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const what = `${kind} ${pod.namespace}/${pod.name}`;
  const found = await find(kube, kind, pod, signal);
  if (found === undefined) return `${what} does not exist`;
  if (found.status?.failedMessage !== undefined && found.status.failedMessage !== '') {
    return `${what}: ${found.status.failedMessage}`;
  }
  if (!sourcesOf(found).includes(source)) return `${what} has no rule of ${source}`;
  return isSettled(found) ? undefined : `${what} has not been put into the pod yet`;
}

/**
 * Takes the rules of a fault object off a pod: from the list, which the controller then puts into the pod. Rules of others
 * stay. A list that is empty and in force is removed; one that the controller cannot put into the pod is, too.
 *
 * @param settleMs how long the controller may take to put a changed list of rules into the pod
 * @returns what was done
 */
export async function releasePod(
  kube: KubeClient,
  kind: string,
  pod: { namespace: string; name: string },
  source: string,
  signal: AbortSignal,
  settleMs = 5_000,
): Promise<string> {
  const deadline = performance.now() + settleMs;
  const what = `${kind} ${pod.namespace}/${pod.name}`;
  let taken = false;
  for (;;) {
    const found = await find(kube, kind, pod, signal);
    if (found === undefined) return taken ? `${what}: rules taken off` : `${what} does not exist`;
    const late = performance.now() >= deadline;
    if (sourcesOf(found).includes(source)) {
      taken = true;
      await retryConflicts(() => takeOff(kube, kind, pod, source, signal), signal);
    } else if (isSettled(found) || late) {
      if (sourcesOf(found).length > 0) return `${what}: rules taken off, those of others stay`;
      const why = isSettled(found) ? '' : ` although ${found.status?.failedMessage ?? 'the controller did not answer'}`;
      if (await removeIfSame(kube, found, signal)) return `${what}: removed${why}`;
    }
    await sleep(200, undefined, { signal });
  }
}

/** `namespace/name` of every fault object that has rules in a pod-level object, each once. */
export function sourcesOf(object: PodLevelObject): string[] {
  const items = lists(object).flatMap(([, list]) => list);
  return [...new Set(items.flatMap((item) => (typeof item.source === 'string' ? [item.source] : [])))];
}

/** Every pod-level object of a kind in a namespace; none when its CRD is not installed or it may not be looked at. */
export async function listPodLevel(
  kube: KubeClient,
  kind: string,
  namespace: string,
  signal: AbortSignal,
): Promise<PodLevelObject[]> {
  try {
    return await kube.list<PodLevelObject>({ apiVersion: chaosMeshApiVersion, kind, namespace }, { signal });
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof ForbiddenError) return [];
    throw error;
  }
}

interface Rule {
  source?: unknown;
}

// Every list in the spec is one of rules, whatever it is called.
function lists(object: PodLevelObject): [name: string, rules: Rule[]][] {
  return Object.entries(object.spec ?? {}).flatMap(([name, value]) =>
    Array.isArray(value) ? [[name, value as Rule[]] satisfies [string, Rule[]]] : [],
  );
}

function isSettled({ metadata, status }: PodLevelObject): boolean {
  const failed = status?.failedMessage ?? '';
  return failed === '' && (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

async function takeOff(
  kube: KubeClient,
  kind: string,
  pod: { namespace: string; name: string },
  source: string,
  signal: AbortSignal,
): Promise<void> {
  const found = await find(kube, kind, pod, signal);
  if (found === undefined) return;
  const { resourceVersion } = found.metadata;
  const spec = Object.fromEntries(
    lists(found).map(([name, rules]) => [name, rules.filter((rule) => rule.source !== source)]),
  );
  const patch = { metadata: resourceVersion === undefined ? {} : { resourceVersion }, spec };
  await kube.patch(refOf(kind, pod), patch, { signal });
}

async function removeIfSame(kube: KubeClient, object: PodLevelObject, signal: AbortSignal): Promise<boolean> {
  const { uid, resourceVersion } = object.metadata;
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  try {
    await kube.deleteIfExists(refOf(object.kind, object.metadata), { preconditions, signal });
    return true;
  } catch (error) {
    // Somebody has just given it rules.
    if (error instanceof ConflictError) return false;
    throw error;
  }
}

function find(kube: KubeClient, kind: string, pod: { namespace: string; name: string }, signal: AbortSignal) {
  return kube.find<PodLevelObject>(refOf(kind, pod), { signal });
}

function refOf(kind: string, { namespace, name }: { namespace: string; name: string }) {
  return { apiVersion: chaosMeshApiVersion, kind, namespace, name };
}
