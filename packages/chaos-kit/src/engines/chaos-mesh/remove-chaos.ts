import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeClient, NotFoundError, type ResourceRef } from '@cnpg-chaos/cnpg-utils';
import { EngineError } from '../engine-error.ts';
import type { UndoEntry, UndoStep } from '../engine.ts';
import { retryTransient } from '../retry-transient.ts';
import { chaosMeshApiVersion, type ChaosObject } from './chaos-object.ts';
import { podLevelKinds, releasePod } from './pod-level.ts';

/** Name of the undo that removes a fault object. */
export const removeChaosKind = 'remove-chaos';

/** How long each rung of the ladder waits, in milliseconds. */
export interface LadderWaits {
  /** After the plain delete: the controller recovers every record. @default 15000 */
  readonly deleteMs: number;
  /** After the forced annotation: the controller drops its finalizer. @default 5000 */
  readonly forceMs: number;
  /** After the finalizers were patched away: the API server removes the object. @default 5000 */
  readonly patchMs: number;
  /** After the rules were taken off a pod's list, while the controller fails to put the rest into the pod. @default 5000 */
  readonly settleMs: number;
  /** The same, while it says nothing. @default 60000 */
  readonly silentMs: number;
}

const defaultWaits: LadderWaits = {
  deleteMs: 15_000,
  forceMs: 5_000,
  patchMs: 5_000,
  settleMs: 5_000,
  silentMs: 60_000,
};

// all rungs one after the other, and time for the answers in between
const ladderLimitMs = 120_000;

/**
 * The undo of a fault object, as data.
 *
 * @param pods `namespace/name` of the pods it touches
 */
export function removeChaosStep(object: ChaosObject, pods: readonly string[]): UndoStep {
  const { namespace, name } = object.metadata;
  return { kind: removeChaosKind, data: { kind: object.kind, namespace, name, pods }, limitMs: ladderLimitMs };
}

/** Which rung of the ladder ended it. */
export type Rung = 'was not there' | 'deleted' | 'forced' | 'finalizers patched away';

/**
 * Removes a fault object for good: delete, then the controller's forced annotation, then patching the finalizers away.
 * The last rung is needed where applying keeps failing: the controller reads the annotation only after the records, and
 * never gets there. Whichever rung ended it, the object's rules are then taken off the pods.
 *
 * @returns the rung that ended it
 * @throws EngineError when the object is still there after the last rung.
 */
export async function removeChaos(
  kube: KubeClient,
  entry: Pick<UndoEntry, 'data'>,
  signal: AbortSignal,
  waits: LadderWaits = defaultWaits,
): Promise<Rung> {
  const { ref, pods } = parse(entry);
  const rung = await climb(kube, ref, waits, signal);
  const podKind = podLevelKinds[ref.kind];
  if (podKind !== undefined) {
    const source = `${ref.namespace}/${ref.name}`;
    await Promise.all(
      pods.map((pod) => {
        const [namespace = ref.namespace, name = ''] = pod.split('/');
        return retryTransient(() => releasePod(kube, podKind, { namespace, name }, source, signal, waits), signal);
      }),
    );
  }
  return rung;
}

async function climb(
  kube: KubeClient,
  ref: ResourceRef & { namespace: string },
  waits: LadderWaits,
  signal: AbortSignal,
): Promise<Rung> {
  if (!(await retryTransient(() => kube.deleteIfExists(ref, { propagationPolicy: 'Background', signal }), signal))) {
    return 'was not there';
  }
  if (await gone(kube, ref, waits.deleteMs, signal)) return 'deleted';
  await patchIfThere(kube, ref, { metadata: { annotations: { [forcedAnnotation]: 'forced' } } }, signal);
  if (await gone(kube, ref, waits.forceMs, signal)) return 'forced';
  await patchIfThere(kube, ref, { metadata: { finalizers: [] } }, signal);
  if (await gone(kube, ref, waits.patchMs, signal)) return 'finalizers patched away';
  throw new EngineError(
    'chaos-mesh',
    `${ref.kind} ${ref.namespace}/${ref.name} is still there after its finalizers were removed`,
  );
}

/** `PodChaos team/primary-killed-1a2b3c4d`, for messages. */
export function chaosObjectOf(entry: Pick<UndoEntry, 'data'>): string {
  const { ref } = parse(entry);
  return `${ref.kind} ${ref.namespace}/${ref.name}`;
}

/** What a person would type. */
export function removeChaosCommand(entry: Pick<UndoEntry, 'data'>): string {
  const { ref } = parse(entry);
  const object = `${ref.kind.toLowerCase()}.chaos-mesh.org ${ref.name} -n ${ref.namespace}`;
  return `kubectl delete ${object} --wait=false; kubectl patch ${object} --type=merge -p '{"metadata":{"finalizers":[]}}'`;
}

const forcedAnnotation = 'chaos-mesh.chaos-mesh.org/cleanFinalizer';

function parse(entry: Pick<UndoEntry, 'data'>): { ref: ResourceRef & { namespace: string }; pods: readonly string[] } {
  const { kind, namespace, name, pods } = entry.data;
  if (typeof kind !== 'string' || typeof namespace !== 'string' || typeof name !== 'string') {
    throw new EngineError('chaos-mesh', `undo data lacks kind, namespace or name: ${JSON.stringify(entry.data)}`);
  }
  const list = Array.isArray(pods) ? pods.filter((pod): pod is string => typeof pod === 'string') : [];
  return { ref: { apiVersion: chaosMeshApiVersion, kind, namespace, name }, pods: list };
}

async function gone(kube: KubeClient, ref: ResourceRef, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await retryTransient(() => kube.find<ChaosObject>(ref, { signal }), signal);
    if (found === undefined) return true;
    if (performance.now() >= deadline) return false;
    await sleep(250, undefined, { signal });
  }
}

async function patchIfThere(kube: KubeClient, ref: ResourceRef, patch: object, signal: AbortSignal): Promise<void> {
  try {
    await retryTransient(() => kube.patch(ref, patch, { type: 'merge', signal }), signal);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}
