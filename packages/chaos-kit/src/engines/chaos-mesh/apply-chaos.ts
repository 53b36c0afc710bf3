import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { EngineError } from '../engine-error.ts';
import type { ChaosObject } from './chaos-object.ts';
import { explainFailure } from './explain-failure.ts';
import { injectionStatus } from './injection-status.ts';
import { podLevelKinds, podLevelProblem } from './pod-level.ts';

const pollMs = 250;

// Selecting is the first thing that the controller does, and it does it once.
const selectWithinMs = 10_000;

/**
 * Creates a fault object and waits until its records say injected, and, for those whose rules are kept per pod, until these
 * are in the pods. Always a create with a fresh name: the spec cannot be changed afterwards, and an update may erase the
 * status.
 *
 * @param expectedIds record ids that must be injected
 * @param limitMs how long the controller may take
 * @throws EngineError with the controller's message when it failed, or with the last status when it took too long.
 */
export async function applyChaos(
  kube: KubeClient,
  object: ChaosObject,
  expectedIds: readonly string[],
  limitMs: number,
  signal: AbortSignal,
): Promise<{ injectedAfterMs: number; status: string }> {
  const startedAt = performance.now();
  await kube.create(object, { signal });
  const { namespace, name } = object.metadata;
  const ref = { apiVersion: object.apiVersion, kind: object.kind, namespace, name };
  const what = `${object.kind} ${namespace}/${name}`;
  const fail = (why: string): never => {
    throw new EngineError('chaos-mesh', `${what} ${why}`);
  };
  let last = 'nothing yet';
  while (performance.now() - startedAt < limitMs) {
    signal.throwIfAborted();
    const found = await kube.find<ChaosObject>(ref, { signal });
    if (found === undefined) return fail('vanished after it was created');
    const status = injectionStatus(found, expectedIds);
    last = status.summary;
    if (status.state === 'failed') {
      // The record tells that it failed, the list of the pod tells why.
      const detail = await missingRules(kube, object, expectedIds, signal).catch(() => undefined);
      const why = detail === undefined ? status.summary : `${status.summary}; ${detail}`;
      return fail(`was not applied: ${explainFailure(why)}`);
    }
    if (status.state === 'injected') {
      const problem = await missingRules(kube, object, expectedIds, signal);
      if (problem === undefined) return { injectedAfterMs: performance.now() - startedAt, status: status.summary };
      last = problem;
    }
    if (selectedNothing(found) && performance.now() - startedAt > selectWithinMs) {
      const events = await eventsOf(kube, found, signal);
      return fail(`selected nothing: ${events.join('; ') || 'no event says why'}`);
    }
    await sleep(pollMs, undefined, { signal });
  }
  return fail(`was not injected within ${Math.round(limitMs / 1000)} s; last status: ${explainFailure(last)}`);
}

async function missingRules(
  kube: KubeClient,
  object: ChaosObject,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const kind = podLevelKinds[object.kind];
  if (kind === undefined) return undefined;
  const source = `${object.metadata.namespace}/${object.metadata.name}`;
  for (const id of ids) {
    const [namespace = '', name = ''] = id.split('/');
    const problem = await podLevelProblem(kube, kind, { namespace, name }, source, signal);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function selectedNothing({ status }: ChaosObject): boolean {
  const selected = status?.conditions?.find(({ type }) => type === 'Selected');
  return selected?.status === 'False' && (status?.experiment?.containerRecords ?? []).length === 0;
}

interface EventView {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  type?: string;
  reason?: string;
  message?: string;
}

/** Warnings about an object, as sentences. */
async function eventsOf(kube: KubeClient, object: ChaosObject, signal: AbortSignal): Promise<string[]> {
  const { namespace, name, uid } = object.metadata;
  const fieldSelector = `involvedObject.name=${name}${uid === undefined ? '' : `,involvedObject.uid=${uid}`}`;
  const events = await kube.list<EventView>({ apiVersion: 'v1', kind: 'Event', namespace }, { fieldSelector, signal });
  return events
    .filter(({ type }) => type === 'Warning')
    .map(({ reason, message }) => `${reason ?? '?'}: ${message ?? ''}`);
}
