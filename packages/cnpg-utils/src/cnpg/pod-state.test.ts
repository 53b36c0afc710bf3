import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { crashLoops, isPodReady, isPodTerminating, podRestarts, podTrouble } from './pod-state.ts';

function pod(containerStatuses: Partial<V1ContainerStatus>[], ready = false, extra: Partial<V1Pod> = {}): V1Pod {
  return {
    metadata: { name: 'db-1' },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: containerStatuses.map((status) => ({
        name: 'postgres',
        image: '',
        imageID: '',
        ready,
        restartCount: 0,
        ...status,
      })),
    },
    ...extra,
  };
}

const backOff = {
  restartCount: 4,
  state: { waiting: { reason: 'CrashLoopBackOff' } },
  lastState: { terminated: { exitCode: 4, reason: 'Error' } },
};

test('a crash loop is told with its last exit code', () => {
  expect(crashLoops(pod([backOff]))).toEqual([
    'container postgres of pod db-1 is in CrashLoopBackOff, last exit code 4 (Error)',
  ]);
  expect(crashLoops(pod([{}], true))).toEqual([]);
});

test('a pod that was asked to go is no longer active, though it may be ready', () => {
  const going = pod([{}], true, { metadata: { name: 'db-1', deletionTimestamp: new Date(0) } });
  expect(isPodTerminating(going)).toBe(true);
  expect(isPodTerminating(pod([{}], true))).toBe(false);
  expect(podTrouble(going)).toEqual(['pod db-1 is being deleted']);
});

test('a ready pod is no trouble', () => {
  expect(podTrouble(pod([{}], true))).toEqual([]);
  expect(isPodReady(pod([{}], true))).toBe(true);
});

test('what a pod is stuck at is told', () => {
  const waiting = { state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } };
  expect(podTrouble(pod([waiting]))).toEqual(['pod db-1: postgres waits: ImagePullBackOff no such image']);
  expect(podTrouble(pod([]))).toEqual(['pod db-1: Running, not ready']);
  expect(podTrouble(pod([{}], true, { metadata: { name: 'db-1', deletionTimestamp: new Date() } }))).toEqual([
    'pod db-1 is being deleted',
  ]);
  const conditions = [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }];
  expect(podTrouble({ metadata: { name: 'db-1' }, status: { phase: 'Pending', conditions } })).toEqual([
    'pod db-1: not scheduled: 0/3 nodes are available',
  ]);
});

test('restarts are summed up', () => {
  expect(podRestarts(pod([{ restartCount: 2 }, { restartCount: 3 }]))).toBe(5);
});
