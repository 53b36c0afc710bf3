import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { PodTarget } from '../targets/target.ts';
import type { Observation } from './observation.ts';

/** A pod as far as evidence needs it. */
export interface PodView {
  apiVersion: string;
  kind: string;
  metadata: { name: string; uid: string; deletionTimestamp?: Date };
  status?: { phase?: string; conditions?: { type: string; status: string }[] };
}

/** The pod that was chosen is gone: its UID no longer exists, or it is terminating. */
export async function podKilled(kube: KubeClient, target: PodTarget, signal: AbortSignal): Promise<Observation> {
  return judgeKilled(target, await find(kube, target, signal));
}

/** Another pod carries the instance's name, and it is ready. The chosen UID must be gone for good. */
export async function podReplaced(kube: KubeClient, target: PodTarget, signal: AbortSignal): Promise<Observation> {
  return judgeReplaced(target, await find(kube, target, signal));
}

/** See `podKilled`. */
export function judgeKilled(target: PodTarget, found: PodView | undefined): Observation {
  const pod = `pod ${target.namespace}/${target.name}`;
  if (found === undefined) return { seen: true, what: `${pod}: UID ${target.uid} is gone, nothing has its name` };
  if (found.metadata.uid !== target.uid) {
    const what = `${pod}: UID ${target.uid} is gone, its name now has UID ${found.metadata.uid}`;
    return { seen: true, what, data: { newUid: found.metadata.uid } };
  }
  if (found.metadata.deletionTimestamp !== undefined) {
    return { seen: true, what: `${pod}: UID ${target.uid} is terminating`, data: { terminating: true } };
  }
  return { seen: false, what: `${pod}: UID ${target.uid} is still there (${found.status?.phase ?? 'no phase'})` };
}

/** See `podReplaced`. */
export function judgeReplaced(target: PodTarget, found: PodView | undefined): Observation {
  const pod = `pod ${target.namespace}/${target.name}`;
  if (found === undefined) return { seen: false, what: `${pod}: not created anew yet` };
  const { uid } = found.metadata;
  if (uid === target.uid) return { seen: false, what: `${pod}: UID ${uid} has not been replaced` };
  const ready = found.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
  if (!ready)
    return { seen: false, what: `${pod}: new UID ${uid} is ${found.status?.phase ?? 'unknown'} and not ready` };
  return { seen: true, what: `${pod}: replaced by UID ${uid}, ready`, data: { oldUid: target.uid, newUid: uid } };
}

function find(kube: KubeClient, target: PodTarget, signal: AbortSignal): Promise<PodView | undefined> {
  const ref = { apiVersion: 'v1', kind: 'Pod', namespace: target.namespace, name: target.name };
  return kube.find<PodView>(ref, { signal });
}
