import {
  ALL_INSTANCES,
  annotations,
  CLUSTER_KIND,
  CNPG_API_VERSION,
  type CollectionRef,
  fencedInstances,
  ForbiddenError,
  type KubeClient,
  type KubernetesObject,
  NotFoundError,
  type ResourceRef,
} from '@cnpg-chaos/cnpg-utils';
import { runLabel } from '../../safety/labels.ts';
import { describeTarget, type ResolvedTarget, TargetChangedError } from '../../targets/target.ts';
import { EngineError } from '../engine-error.ts';
import type { Action, EngineContext, Json, Leftover, UndoEntry, UndoStep } from '../engine.ts';
import { retryConflicts, retryTransient } from '../retry-transient.ts';

/** Name of the undo that takes an edit back. */
export const revertEditKind = 'revert-edit';

/** Start of the annotation that an edit leaves on the object itself: it says how the object was. The end is the edit's id. */
export const editAnnotationPrefix = 'edit.cnpg-chaos/';

/** A change to an object that can be taken back alone, whatever else was changed meanwhile. */
export type Change =
  /** Sets one field; `null` removes it. */
  | { readonly set: readonly string[]; readonly to: Json }
  /** Adds a taint to a node. */
  | { readonly taint: { readonly key: string; readonly value?: string; readonly effect: TaintEffect } }
  /** Fences an instance of a Cluster. */
  | { readonly fence: string };

/** What a taint does. */
export type TaintEffect = 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';

/** How one change is taken back; written into the annotation. */
type Reversal =
  | { set: readonly string[]; from: Json; to: Json }
  | { untaint: { key: string; effect: string } }
  | { unfence: string };

/** What the annotation holds. */
interface EditRecord {
  run?: string | undefined;
  /** When the edit should have been taken back at the latest. */
  until: string;
  undo: Reversal[];
}

/** An object of the API, as far as it is read and changed here. */
interface Editable extends KubernetesObject {
  spec?: { taints?: { key: string; value?: string; effect: string }[] };
}

/** Options of {@link editObject}. */
export interface EditOptions {
  /** Such as `cordon node w1`, for the timeline. */
  readonly summary: string;
  readonly target: ResolvedTarget;
  readonly changes: readonly Change[];
  /** What a person would type to take it back. */
  readonly byHand: string;
}

/**
 * Changes an object of the API in one write, which also leaves an annotation on it that says how it was. Whoever finds
 * the annotation can take the change back: the journal only names the object. Nothing in the cluster takes it back by
 * itself at its time to live; the annotation says when that is, for the sweep.
 */
export function editObject({ summary, target, changes, byHand }: EditOptions): Action {
  return {
    summary,
    plan({ kube, faultId, labels, ttlMs }) {
      const ref = refOfTarget(target);
      return {
        undo: [revertStep(ref, faultId, byHand)],
        async act(signal) {
          const until = new Date(Date.now() + ttlMs).toISOString();
          const before = await applyEdit(
            kube,
            ref,
            { id: faultId, run: labels[runLabel], until, changes, target },
            signal,
          );
          return { edited: describeTarget(target), before: before as unknown as Json };
        },
      };
    },
  };
}

function revertStep(ref: ResourceRef, edit: string, byHand: string): UndoStep {
  const { apiVersion, kind, namespace = '', name } = ref;
  return { kind: revertEditKind, data: { apiVersion, kind, namespace, name, edit, byHand } };
}

const targetKinds = {
  pod: { apiVersion: 'v1', kind: 'Pod' },
  node: { apiVersion: 'v1', kind: 'Node' },
  volume: { apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  cluster: { apiVersion: CNPG_API_VERSION, kind: CLUSTER_KIND },
  deployment: { apiVersion: 'apps/v1', kind: 'Deployment' },
} as const;

function refOfTarget(target: ResolvedTarget): ResourceRef {
  if (target.kind === 'endpoint') throw new EngineError('kubernetes', `${target.role} is no object that can be edited`);
  const place = target.kind === 'node' ? {} : { namespace: target.namespace };
  return { ...targetKinds[target.kind], ...place, name: target.name };
}

interface Edit {
  readonly id: string;
  readonly run: string | undefined;
  readonly until: string;
  readonly changes: readonly Change[];
  readonly target: ResolvedTarget;
}

function applyEdit(kube: KubeClient, ref: ResourceRef, edit: Edit, signal: AbortSignal): Promise<Reversal[]> {
  const annotation = `${editAnnotationPrefix}${edit.id}`;
  return retryConflicts(async () => {
    const object = await kube.get<Editable>(ref, { signal });
    if (object.metadata?.uid !== edit.target.uid) {
      throw new TargetChangedError(edit.target, `now has UID ${object.metadata?.uid ?? 'none'}`);
    }
    const undo: Reversal[] = [];
    const patch = patchFor(object);
    for (const change of edit.changes) applyChange(object, change, patch, undo);
    const record: EditRecord = { run: edit.run, until: edit.until, undo };
    setAt(patch, ['metadata', 'annotations', annotation], JSON.stringify(record));
    await kube.patch(ref, patch, { signal });
    return undo;
  }, signal);
}

/** Takes an edit back by what its annotation says, and removes the annotation. Says what it did. */
export async function revertEdit(
  kube: KubeClient,
  entry: Pick<UndoEntry, 'data'>,
  signal: AbortSignal,
): Promise<string> {
  const { ref, edit } = parse(entry);
  const annotation = `${editAnnotationPrefix}${edit}`;
  const what = `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`;
  return retryTransient(
    () =>
      retryConflicts(async () => {
        const object = await kube.find<Editable>(ref, { signal });
        if (object === undefined) return `${what} is gone`;
        const text = object.metadata?.annotations?.[annotation];
        if (text === undefined) return `${what} does not carry this edit`;
        const patch = patchFor(object);
        const done = recordOf(text, what)
          .undo.toReversed()
          .map((reversal) => applyReversal(object, reversal, patch));
        setAt(patch, ['metadata', 'annotations', annotation], null);
        await kube.patch(ref, patch, { signal });
        return `${what}: ${done.join(', ') || 'nothing had been changed'}`;
      }, signal),
    signal,
  );
}

/** What a person would type. */
export function revertEditCommand(entry: Pick<UndoEntry, 'data'>): string {
  const { ref, edit, byHand } = parse(entry);
  const place = ref.namespace === undefined ? '' : ` -n ${ref.namespace}`;
  const kind = ref.kind.toLowerCase();
  return `${byHand}; kubectl annotate ${kind}${place} ${ref.name} ${editAnnotationPrefix}${edit}-`;
}

/** Objects that carry an edit: nodes, Deployments where the operator runs, and what belongs to the namespace under test. */
export async function leftoverEdits(context: EngineContext, signal: AbortSignal): Promise<Leftover[]> {
  const { kube, cluster, operatorNamespace } = context;
  const { namespace } = cluster;
  const places = [
    { ...targetKinds.node },
    { ...targetKinds.deployment, namespace: operatorNamespace },
    { ...targetKinds.cluster, namespace },
    { ...targetKinds.pod, namespace },
    { ...targetKinds.volume, namespace },
  ];
  const found = await Promise.all(
    places.map(async (place) => {
      const objects = await listIfAny(kube, place, signal);
      return objects.flatMap((object) => leftoversOf({ ...place, name: object.metadata?.name ?? '' }, object));
    }),
  );
  return found.flat();
}

// Where a kind is not installed, or may not even be looked at, nothing was edited.
async function listIfAny(kube: KubeClient, place: CollectionRef, signal: AbortSignal): Promise<Editable[]> {
  try {
    return await kube.list<Editable>(place, { signal });
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof ForbiddenError) return [];
    throw error;
  }
}

function leftoversOf(ref: ResourceRef, object: Editable): Leftover[] {
  return Object.entries(object.metadata?.annotations ?? {}).flatMap(([name, text]) => {
    if (!name.startsWith(editAnnotationPrefix)) return [];
    const edit = name.slice(editAnnotationPrefix.length);
    const place = ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
    const { run, undo } = recordOf(text, `${ref.kind} ${place}`);
    const how = undo.map(describeReversal).join(', ') || 'nothing but the annotation';
    const byHand = `# as the annotation says: ${how}`;
    return [
      {
        what: `${ref.kind} ${place} was edited by ${edit}; to undo: ${how}`,
        undo: revertStep(ref, edit, byHand),
        runId: run,
      },
    ];
  });
}

// With the version, so that nothing that somebody else writes meanwhile is lost.
function patchFor(object: Editable): Record<string, unknown> {
  const { resourceVersion } = object.metadata ?? {};
  return { metadata: resourceVersion === undefined ? {} : { resourceVersion } };
}

function applyChange(object: Editable, change: Change, patch: Record<string, unknown>, undo: Reversal[]): void {
  if ('set' in change) {
    const from = (getAt(object, change.set) ?? null) as Json;
    setAt(patch, change.set, change.to);
    undo.push({ set: change.set, from, to: change.to });
  } else if ('taint' in change) {
    const taints = object.spec?.taints ?? [];
    const { key, effect } = change.taint;
    // Somebody else's taint stays when ours goes.
    if (taints.some((taint) => taint.key === key && taint.effect === effect)) return;
    setAt(patch, ['spec', 'taints'], [...taints, change.taint]);
    undo.push({ untaint: { key, effect } });
  } else {
    const fenced = fencedOf(object);
    if (fenced.includes(ALL_INSTANCES) || fenced.includes(change.fence)) return;
    const wanted = change.fence === ALL_INSTANCES ? [ALL_INSTANCES] : [...fencedNow(patch, fenced), change.fence];
    setAt(patch, fencedPath, JSON.stringify(wanted.toSorted()));
    undo.push({ unfence: change.fence });
  }
}

function applyReversal(object: Editable, reversal: Reversal, patch: Record<string, unknown>): string {
  if ('set' in reversal) {
    const now = (getAt(object, reversal.set) ?? null) as Json;
    if (JSON.stringify(now) !== JSON.stringify(reversal.to)) {
      return `${reversal.set.join('.')} is ${JSON.stringify(now)} meanwhile and stays`;
    }
    setAt(patch, reversal.set, reversal.from);
    return `${reversal.set.join('.')} is ${JSON.stringify(reversal.from)} again`;
  }
  if ('untaint' in reversal) {
    const { key, effect } = reversal.untaint;
    const taints = object.spec?.taints ?? [];
    setAt(
      patch,
      ['spec', 'taints'],
      taints.filter((taint) => taint.key !== key || taint.effect !== effect),
    );
    return `taint ${key}:${effect} removed`;
  }
  const fenced = fencedNow(patch, fencedOf(object)).filter((name) => name !== reversal.unfence);
  setAt(patch, fencedPath, fenced.length === 0 ? null : JSON.stringify(fenced));
  return `${reversal.unfence} is not fenced any more`;
}

function describeReversal(reversal: Reversal): string {
  if ('set' in reversal) return `${reversal.set.join('.')} = ${JSON.stringify(reversal.from)}`;
  if ('untaint' in reversal) return `remove taint ${reversal.untaint.key}:${reversal.untaint.effect}`;
  return `unfence ${reversal.unfence}`;
}

const fencedPath = ['metadata', 'annotations', annotations.fencedInstances];

function fencedOf(object: Editable): string[] {
  return fencedInstances(object as Parameters<typeof fencedInstances>[0]);
}

// What this very patch makes of the list so far.
function fencedNow(patch: Record<string, unknown>, before: string[]): string[] {
  const text = getAt(patch, fencedPath);
  if (text === null) return [];
  return typeof text === 'string' ? (JSON.parse(text) as string[]) : before;
}

function getAt(object: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, key) => (typeof found === 'object' && found !== null ? Reflect.get(found, key) : undefined),
    object,
  );
}

function setAt(object: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  if (rest.length === 0) {
    object[first] = value;
    return;
  }
  const inner = object[first];
  const next = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {};
  object[first] = next;
  setAt(next, rest, value);
}

function recordOf(text: string, what: string): EditRecord {
  try {
    const record: unknown = JSON.parse(text);
    if (typeof record === 'object' && record !== null && Array.isArray(Reflect.get(record, 'undo'))) {
      return record as EditRecord;
    }
  } catch {
    // told below
  }
  throw new EngineError('kubernetes', `${what}: annotation ${editAnnotationPrefix}… cannot be read: ${text}`);
}

function parse(entry: Pick<UndoEntry, 'data'>): { ref: ResourceRef; edit: string; byHand: string } {
  const { apiVersion, kind, namespace, name, edit, byHand } = entry.data;
  if (
    typeof apiVersion !== 'string' ||
    typeof kind !== 'string' ||
    typeof name !== 'string' ||
    typeof edit !== 'string'
  ) {
    throw new EngineError(
      'kubernetes',
      `undo data lacks apiVersion, kind, name or edit: ${JSON.stringify(entry.data)}`,
    );
  }
  const place = typeof namespace === 'string' && namespace !== '' ? { namespace } : {};
  return { ref: { apiVersion, kind, ...place, name }, edit, byHand: typeof byHand === 'string' ? byHand : '' };
}
