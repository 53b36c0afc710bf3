import type { ClusterHealth } from '@cnpg-chaos/cnpg-utils';
import { expect, test } from 'vitest';
import { waitHealthy } from './wait-healthy.ts';

/** A cluster whose looks give these, one after another; the last one for ever. */
function looks(...healthy: boolean[]) {
  let next = 0;
  const health = (): Promise<ClusterHealth> => {
    const is = healthy[Math.min(next++, healthy.length - 1)] ?? false;
    const facts = {
      phase: '',
      phaseReason: '',
      wantedInstances: 3,
      readyInstances: 3,
      instances: [],
      readWriteEndpoints: [],
    };
    return Promise.resolve({ healthy: is, problems: is ? [] : [`problem ${next}`], facts });
  };
  return { health, count: () => next };
}

const options = { timeoutMs: 1_000, pollMs: 1, signal: new AbortController().signal };

test('looks twice', async () => {
  const cluster = looks(true);
  await waitHealthy('health', cluster, options);
  expect(cluster.count()).toBe(2);
});

test('what is healthy only for a moment does not count, and the time is that of the first look that lasts', async () => {
  const cluster = looks(true, false, true, true);
  const unhealthyAtMs: number[] = [];
  const atMs = await waitHealthy('health', cluster, { ...options, onUnhealthy: (at) => unhealthyAtMs.push(at) });
  expect(cluster.count()).toBe(4);
  expect(unhealthyAtMs).toHaveLength(1);
  expect(atMs).toBeGreaterThan(unhealthyAtMs[0] ?? Number.POSITIVE_INFINITY);
});

test('says what was wrong when time runs out', async () => {
  const waiting = waitHealthy('the cluster to be healthy', looks(false), { ...options, timeoutMs: 20 });
  await expect(waiting).rejects.toThrow(/waiting for the cluster to be healthy\. Last observed: problem \d+/);
});
