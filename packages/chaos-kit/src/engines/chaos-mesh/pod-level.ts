import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError, ForbiddenError, type KubeClient, NotFoundError } from '@cnpg-chaos/cnpg-utils';
import { EngineError } from '../engine-error.ts';
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

// longer than the controller may be silent
const releaseLimitMs = 90_000;

/** Name of the undo that takes the rules of a fault object, which is gone, off a pod. */
export const releasePodKind = 'release-pod';

/** The undo of rules that are left on a pod. */
export function releasePodStep(kind: string, pod: { namespace: string; name: string }, source: string): UndoStep {
  const data = { kind, namespace: pod.namespace, name: pod.name, source };
  return { kind: releasePodKind, data, limitMs: releaseLimitMs };
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
 * stay. A list that is empty and in force is removed; so is one that the controller says it cannot put into the pod, and one
 * whose pod is gone. While it says nothing the list stays: it is all that will make it take the rules out of the pod.
 *
 * @param waits.settleMs how long the controller may go on failing to put a changed list of rules into the pod
 * @param waits.silentMs how long it may say nothing; it watches anew some time after the API server was away
 * @returns what was done
 * @throws EngineError when the controller said nothing for too long
 */
export async function releasePod(
  kube: KubeClient,
  kind: string,
  pod: { namespace: string; name: string },
  source: string,
  signal: AbortSignal,
  { settleMs = 5_000, silentMs = 60_000 }: { settleMs?: number; silentMs?: number } = {},
): Promise<string> {
  const startedAt = performance.now();
  const what = `${kind} ${pod.namespace}/${pod.name}`;
  let taken = false;
  for (;;) {
    const found = await find(kube, kind, pod, signal);
    if (found === undefined) return taken ? `${what}: rules taken off` : `${what} does not exist`;
    const failed = found.status?.failedMessage ?? '';
    const waitedMs = performance.now() - startedAt;
    if (sourcesOf(found).includes(source)) {
      taken = true;
      await retryConflicts(() => takeOff(kube, kind, pod, source, signal), signal);
    } else if (isSettled(found) || (waitedMs >= settleMs && (failed !== '' || !(await podExists(kube, pod, signal))))) {
      if (sourcesOf(found).length > 0) return `${what}: rules taken off, those of others stay`;
      const why = isSettled(found) ? '' : ` although ${failed || 'its pod is gone'}`;
      if (await removeIfSame(kube, found, signal)) return `${what}: removed${why}`;
    } else if (failed === '' && waitedMs >= silentMs) {
      const waited = `${Math.round(silentMs / 1000)} s`;
      throw new EngineError(
        'chaos-mesh',
        `${what}: the controller has not taken the rules out of the pod for ${waited}`,
      );
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

/** What it says is in the pod. */
export function isSettled({ metadata, status }: PodLevelObject): boolean {
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

async function podExists(kube: KubeClient, pod: { namespace: string; name: string }, signal: AbortSignal) {
  const { namespace, name } = pod;
  return (await kube.find({ apiVersion: 'v1', kind: 'Pod', namespace, name }, { signal })) !== undefined;
}

function refOf(kind: string, { namespace, name }: { namespace: string; name: string }) {
  return { apiVersion: chaosMeshApiVersion, kind, namespace, name };
}
