import { describe, expect, test } from 'vitest';
import { judgeBack, judgeEnded } from './container-killed.ts';

const target = {
  kind: 'pod',
  role: 'primary',
  namespace: 'team',
  name: 'pg-1',
  uid: 'u1',
  container: 'postgres',
  containerId: 'containerd://a',
  restarts: 2,
} as const;

const pod = (status: object, uid = 'u1') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'pg-1', uid },
  status: {
    containerStatuses: [
      { name: 'other', ready: true, restartCount: 9, containerID: 'containerd://x' },
      { name: 'postgres', ready: true, restartCount: 2, containerID: 'containerd://a', ...status },
    ],
  },
});

describe('a container has ended', () => {
  test.each<[string, ReturnType<typeof pod> | undefined, boolean]>([
    ['not while it is the same', pod({ state: { running: {} } }), false],
    ['when it terminated', pod({ state: { terminated: { exitCode: 137 } } }), true],
    ['when it waits to be started', pod({ state: { waiting: { reason: 'CrashLoopBackOff' } } }), true],
    ['when another runs in its place', pod({ containerID: 'containerd://b', restartCount: 3 }), true],
    ['when its pod is gone', undefined, true],
    ['when another pod has the name', pod({}, 'u2'), true],
  ])('%s', (_what, found, seen) => {
    expect(judgeEnded(target, found).seen).toBe(seen);
  });
});

describe('a container is back', () => {
  test.each<[string, ReturnType<typeof pod> | undefined, boolean]>([
    ['not while it is the old one', pod({}), false],
    ['not before it is ready', pod({ containerID: 'containerd://b', ready: false }), false],
    ['not without a pod', undefined, false],
    ['when another one is ready', pod({ containerID: 'containerd://b', restartCount: 3 }), true],
    ['when it is ready in another pod', pod({ containerID: 'containerd://b', restartCount: 0 }, 'u2'), true],
  ])('%s', (_what, found, seen) => {
    expect(judgeBack(target, found).seen).toBe(seen);
  });

  test('and says what it waits for', () => {
    const waiting = pod({ ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } } });
    expect(judgeBack(target, waiting).what).toBe('container postgres of team/pg-1 is not ready: CrashLoopBackOff');
  });
});
