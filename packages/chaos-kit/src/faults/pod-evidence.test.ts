import { describe, expect, test } from 'vitest';
import type { PodTarget } from '../targets/target.ts';
import { judgeKilled, judgeReplaced, type PodView } from './pod-evidence.ts';

const target: PodTarget = { kind: 'pod', role: 'primary', namespace: 'n', name: 'pg-1', uid: 'old' };

function pod(uid: string, more: { ready?: boolean; terminating?: boolean } = {}): PodView {
  const { ready = true, terminating = false } = more;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'pg-1', uid, ...(terminating ? { deletionTimestamp: new Date() } : {}) },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

describe('judgeKilled', () => {
  test.each([
    ['nothing has its name', undefined, true],
    ['another pod has its name', pod('new'), true],
    ['it is terminating', pod('old', { terminating: true }), true],
    ['it is still there', pod('old'), false],
    ['it is there and only not ready', pod('old', { ready: false }), false],
  ])('%s', (_what, found, seen) => {
    expect(judgeKilled(target, found).seen).toBe(seen);
  });
});

describe('judgeReplaced', () => {
  test.each([
    ['another pod is ready', pod('new'), true],
    ['another pod is not ready', pod('new', { ready: false }), false],
    ['nothing has its name', undefined, false],
    ['it was never gone', pod('old'), false],
    ['it is still terminating', pod('old', { terminating: true }), false],
  ])('%s', (_what, found, seen) => {
    expect(judgeReplaced(target, found).seen).toBe(seen);
  });

  test('names both UIDs', () => {
    expect(judgeReplaced(target, pod('new')).data).toEqual({ oldUid: 'old', newUid: 'new' });
  });
});
