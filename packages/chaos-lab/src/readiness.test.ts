import { describe, expect, test } from 'vitest';
import type { KubeObject } from './kube-api.ts';
import { conditionTrue, daemonSetLacks, deploymentLacks, lookOnce, waitForChecks } from './readiness.ts';
import { found, missing } from './poll.ts';

const object = (spec: unknown, status: unknown): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'x', generation: 2 },
  spec,
  status,
});

describe('a deployment', () => {
  const ready = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2 };
  test('is complete when all of its pods are current and ready', () => {
    expect(deploymentLacks(object({ replicas: 2 }, ready))).toBeUndefined();
  });
  test.each([
    ['one is not ready', { ...ready, readyReplicas: 1 }],
    ['an old one is still there', { ...ready, replicas: 3 }],
    ['one is of the old template', { ...ready, updatedReplicas: 1 }],
    ['the controller has not seen the change', { ...ready, observedGeneration: 1 }],
    ['it has no status', {}],
  ])('lacks something when %s', (_, status) => {
    expect(deploymentLacks(object({ replicas: 2 }, status))).toBeTypeOf('string');
  });
  test('that is not there lacks itself', () => {
    expect(deploymentLacks(undefined)).toBe('does not exist');
  });
});

test('a daemon set is complete on all nodes only', () => {
  const status = { observedGeneration: 2, numberReady: 3, updatedNumberScheduled: 3 };
  expect(daemonSetLacks(object({}, status), 3)).toBeUndefined();
  expect(daemonSetLacks(object({}, { ...status, numberReady: 2 }), 3)).toContain('2 of 3');
  expect(daemonSetLacks(object({}, { ...status, updatedNumberScheduled: 1 }), 3)).toContain('1 updated');
  expect(daemonSetLacks(undefined, 3)).toBe('does not exist');
});

test('a condition must be there and True', () => {
  const node = object(
    {},
    {
      conditions: [
        { type: 'Ready', status: 'False' },
        { type: 'Other', status: 'True' },
      ],
    },
  );
  expect(conditionTrue(node, 'Ready')).toBe(false);
  expect(conditionTrue(node, 'Other')).toBe(true);
  expect(conditionTrue(undefined, 'Ready')).toBe(false);
});

test('one look tells everything that is missing, errors included', async () => {
  const problems = await lookOnce([
    { what: 'good', look: async () => found(true) },
    { what: 'bad', look: async () => missing('1 of 3') },
    { what: 'broken', look: () => Promise.reject(new Error('refused')) },
  ]);
  expect(problems).toEqual(['bad: 1 of 3', 'broken: refused']);
});

test('a wait that runs out names the check and what was last seen', async () => {
  const checks = [{ what: 'thing', look: async () => missing('still 1 of 3') }];
  await expect(waitForChecks(checks, { timeoutMs: 0 })).rejects.toThrow(
    'thing: not within 0 s; last seen: still 1 of 3',
  );
});
