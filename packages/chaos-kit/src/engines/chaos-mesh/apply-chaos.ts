import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { EngineError } from '../engine-error.ts';
import type { ChaosObject } from './chaos-object.ts';
import { injectionStatus } from './injection-status.ts';

const pollMs = 250;

/**
 * Creates a fault object and waits until its records say injected. Always a create with a fresh name: the spec cannot
 * be changed afterwards, and an update may erase the status.
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
  const ref = { apiVersion: object.apiVersion, kind: object.kind, ...identity(object) };
  let last = 'nothing yet';
  while (performance.now() - startedAt < limitMs) {
    signal.throwIfAborted();
    const found = await kube.find<ChaosObject>(ref, { signal });
    if (found === undefined)
      throw new EngineError('chaos-mesh', `${object.kind} ${ref.name} vanished after it was created`);
    const status = injectionStatus(found, expectedIds);
    last = status.summary;
    if (status.state === 'injected') return { injectedAfterMs: performance.now() - startedAt, status: status.summary };
    if (status.state === 'failed') {
      throw new EngineError(
        'chaos-mesh',
        `${object.kind} ${ref.namespace}/${ref.name} was not applied: ${status.summary}`,
      );
    }
    await sleep(pollMs, undefined, { signal });
  }
  throw new EngineError(
    'chaos-mesh',
    `${object.kind} ${ref.namespace}/${ref.name} was not injected within ${Math.round(limitMs / 1000)} s; last status: ${last}`,
  );
}

function identity(object: ChaosObject): { namespace: string; name: string } {
  return { namespace: object.metadata.namespace, name: object.metadata.name };
}
