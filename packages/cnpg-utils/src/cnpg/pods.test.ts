import { describe, expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply, status } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { ConflictError, KubeError } from '../kube/errors.ts';
import { drainNode, isNodeReachable, taintNode, untaintNode } from './nodes.ts';
import { isPodActive } from './pod-state.ts';
import { EvictionBlockedError, evictPod, failPod, isPodGoneError, waitForPodReplaced } from './pods.ts';
import { storeObject } from '../../test/support/stored-object.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

const POD = '/api/v1/namespaces/team/pods/db-1';
const old = { namespace: 'team', name: 'db-1', uid: 'old' };

function pod(uid: string, ready: boolean, metadata: object = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'db-1', namespace: 'team', uid, ...metadata },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

describe('a replaced pod', () => {
  test('has the name and another UID and is ready', async () => {
    serveObjects(server, { [POD]: pod('new', true) });
    await expect(waitForPodReplaced(kube, old)).resolves.toMatchObject({ metadata: { uid: 'new' } });
  });

  test.for<[why: string, objects: Record<string, ReturnType<typeof pod>>, said: string]>([
    // Upstream counts any other ready pod, and the old one while it is still ready.
    ['the old pod, ready as ever', { [POD]: pod('old', true) }, 'the old pod is still there'],
    [
      'the old pod while it goes',
      { [POD]: pod('old', true, { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
      'still there, being deleted',
    ],
    ['another pod that is ready', { [POD.replace('db-1', 'db-2')]: pod('new', true) }, 'no pod of that name'],
    ['a new pod that is not ready', { [POD]: pod('new', false) }, 'the new pod is not ready'],
  ])('is not %s', async ([, objects, said]) => {
    serveObjects(server, objects);
    await expect(firstState((wait) => waitForPodReplaced(kube, old, wait))).resolves.toContain(said);
  });
});

describe('eviction', () => {
  const budget = {
    retryAfterSeconds: 10,
    causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget db-primary needs 1 healthy pods' }],
  };
  const blocked = () =>
    status(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", budget);

  test('is one request for one UID', async () => {
    server.handler = (_request, response) => {
      reply(response, 201, { kind: 'Status', status: 'Success' });
    };
    await evictPod(kube, old, { uid: 'old', gracePeriodSeconds: 1 });
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([`POST ${POD}/eviction`]);
    expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({
      deleteOptions: { preconditions: { uid: 'old' }, gracePeriodSeconds: 1 },
    });
  });

  test('a budget that forbids it is named and nothing is tried again', async () => {
    server.handler = (_request, response) => {
      reply(response, 429, blocked());
    };
    const error = await evictPod(kube, old).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(EvictionBlockedError);
    expect(error).toMatchObject({ message: expect.stringContaining('budget db-primary'), retryAfterSeconds: 10 });
    expect(server.requests).toHaveLength(1);
  });

  test('a server that is overloaded is no budget', async () => {
    server.handler = (_request, response) => {
      reply(response, 429, status(429, 'TooManyRequests', 'too many requests, please try again later'));
    };
    const error = await evictPod(kube, old).catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(KubeError);
    expect(error).not.toBeInstanceOf(EvictionBlockedError);
  });

  test('draining asks again after a budget said no, and evicts each pod once', async () => {
    let answers = 0;
    let here = [{ ...pod('old', true), spec: { containers: [] } }];
    server.handler = (request, response) => {
      if (request.path.endsWith('/eviction')) {
        answers++;
        if (answers === 1) {
          reply(response, 429, blocked());
          return;
        }
        here = [];
        reply(response, 201, { kind: 'Status', status: 'Success' });
        return;
      }
      const daemon = {
        ...pod('daemon', true, { ownerReferences: [{ kind: 'DaemonSet', controller: true, name: 'd' }] }),
      };
      const fixed = { ...pod('static', true, { annotations: { 'kubernetes.io/config.mirror': 'x' } }) };
      reply(response, 200, { metadata: {}, items: [...here, daemon, fixed] });
    };
    const result = await drainNode(kube, 'w1', { cordon: false, blockedPauseMs: 0 });
    expect(result.evicted).toEqual([{ namespace: 'team', name: 'db-1', uid: 'old' }]);
    expect(result.blockedBy).toEqual([expect.stringContaining('db-primary')]);
  });

  test('draining cordons first, and leaves pods alone that come later', async () => {
    let lists = 0;
    server.handler = (request, response) => {
      if (request.method === 'PATCH' || request.method === 'POST') {
        reply(response, 200, { apiVersion: 'v1', kind: 'Node' });
        return;
      }
      lists++;
      reply(response, 200, { metadata: {}, items: [pod(lists === 1 ? 'first' : 'later', true)] });
    };
    const { evicted } = await drainNode(kube, 'w1', {});
    expect(evicted.map(({ uid }) => uid)).toEqual(['first']);
    expect(server.requests[0]).toMatchObject({ method: 'PATCH', path: '/api/v1/nodes/w1' });
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({ spec: { unschedulable: true } });
  });
});

test('a pod is marked as failed only if it is this very one', async () => {
  server.handler = (_request, response) => {
    reply(response, 409, status(409, 'Conflict', 'Precondition failed: UID in precondition: a, UID in object meta: b'));
  };
  const error = await failPod(kube, old).catch((problem: unknown) => problem);
  expect(error).toBeInstanceOf(ConflictError);
  expect(isPodGoneError(error)).toBe(true);
  expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({
    metadata: { uid: 'old' },
    status: { phase: 'Failed', reason: 'Evicted' },
  });
});

test.for<[phase: string, active: boolean]>([
  ['Running', true],
  ['Pending', false],
  ['Failed', false],
  ['Succeeded', false],
])('a pod in phase %s counts as active: %s', ([phase, active]) => {
  expect(isPodActive({ ...pod('u', true), status: { phase } })).toBe(active);
  const going = { ...pod('u', true), metadata: { deletionTimestamp: new Date() }, status: { phase } };
  expect(isPodActive(going)).toBe(false);
});

describe('nodes', () => {
  test.for<[status: string, taints: { key: string; effect: string }[], reachable: boolean]>([
    ['True', [], true],
    ['False', [], false],
    // Upstream takes this for reachable until the taint comes.
    ['Unknown', [], false],
    ['True', [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }], false],
  ])('Ready=%s with taints %o is reachable: %s', ([ready, taints, reachable]) => {
    const conditions = [{ type: 'Ready', status: ready }];
    expect(isNodeReachable({ spec: { taints }, status: { conditions } })).toBe(reachable);
  });

  test('a taint is added once, keeps others, and is removed again', async () => {
    const other = { key: 'other', effect: 'NoSchedule' };
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'w1' }, spec: { taints: [other] } };
    const object = storeObject(server, '/api/v1/nodes/w1', node);
    const taint = { key: 'karpenter.sh/disruption', value: 'x', effect: 'NoSchedule' } as const;
    await taintNode(kube, 'w1', taint);
    await taintNode(kube, 'w1', taint);
    expect(object.patches).toHaveLength(1);
    expect(object.current()).toMatchObject({ spec: { taints: [other, taint] } });
    await expect(untaintNode(kube, 'w1', taint)).resolves.toBe(true);
    await expect(untaintNode(kube, 'w1', taint)).resolves.toBe(false);
    expect(object.current()).toMatchObject({ spec: { taints: [other] } });
  });
});
