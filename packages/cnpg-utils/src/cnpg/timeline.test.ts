import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply, status } from '../../test/support/fake-api-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { describeTransition, recordCluster } from './timeline.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

const ref = { namespace: 'team', name: 'db' };
let version = 10;

function cluster(currentPrimary: string, targetPrimary: string, phase: string) {
  return {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: { ...ref, uid: 'c', resourceVersion: String(++version) },
    spec: { instances: 2 },
    status: { currentPrimary, targetPrimary, phase, timelineID: 1 },
  };
}

function pod(name: string, uid: string, role: string) {
  const labels = { 'cnpg.io/instanceName': name, 'cnpg.io/instanceRole': role };
  const metadata = { name, namespace: 'team', uid, labels, resourceVersion: String(++version) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, status: { conditions: [{ type: 'Ready', status: 'True' }] } };
}

/** The first pod is ready, the others are not. */
function slice(name: string, ...pods: string[]) {
  const metadata = { name, namespace: 'team', resourceVersion: String(++version) };
  const endpoints = pods.map((it, i) => ({ addresses: [it], conditions: { ready: i === 0 }, targetRef: { name: it } }));
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, endpoints };
}

function serve(lists: Record<string, object[]>) {
  const watches: Record<string, ServerResponse> = {};
  server.handler = (request, response) => {
    const kind = request.path.split('/').at(-1) ?? '';
    if (request.query.has('watch')) {
      response.writeHead(200);
      response.flushHeaders();
      watches[kind] = response;
    } else reply(response, 200, { metadata: { resourceVersion: String(version) }, items: lists[kind] ?? [] });
  };
  return async (kind: string, type: string, object: object) => {
    await eventually(() => {
      if (watches[kind] === undefined) throw new Error(`nobody watches ${kind}`);
    });
    watches[kind]?.write(`${JSON.stringify({ type, object })}\n`);
  };
}

test('a failover as a list of changes, each once', async () => {
  const tell = serve({ clusters: [cluster('db-1', 'db-1', 'healthy')], pods: [pod('db-1', 'u1', 'primary')] });
  await using timeline = recordCluster(kube, ref);
  await timeline.ready;
  await eventually(() => {
    expect(timeline.transitions).toHaveLength(7);
  });
  expect(timeline.transitions.every(({ from, late }) => from === undefined && !late)).toBe(true);
  const startMs = performance.now();
  await tell('clusters', 'MODIFIED', cluster('db-1', 'pending', 'Failing over'));
  await tell('clusters', 'MODIFIED', cluster('db-1', 'pending', 'Failing over'));
  await tell('pods', 'DELETED', pod('db-1', 'u1', 'primary'));
  await tell('pods', 'ADDED', pod('db-1', 'u2', 'replica'));
  await tell('leases', 'ADDED', { metadata: { name: 'db', resourceVersion: '99' }, spec: { holderIdentity: 'db-2' } });
  await tell('clusters', 'MODIFIED', cluster('db-2', 'db-2', 'Failing over'));
  await tell('endpointslices', 'ADDED', slice('db-rw-a', 'db-1', 'db-2'));
  await tell('endpointslices', 'ADDED', slice('db-rw-b', 'db-3'));
  await tell('endpointslices', 'DELETED', slice('db-rw-a'));
  await eventually(() => {
    expect(timeline.first(startMs, ({ what, to }) => what === 'currentPrimary' && to === 'db-2')).toBeDefined();
    expect(timeline.first(startMs, ({ what }) => what === 'leaseHolder')).toMatchObject({ to: 'db-2' });
    expect(timeline.first(startMs, ({ uid }) => uid === 'u2')).toBeDefined();
    expect(timeline.first(startMs, ({ what, to }) => what === 'readWriteEndpoints' && to === 'db-3')).toBeDefined();
  });
  const seen = timeline.transitions.slice(7).map((transition) => describeTransition(transition).replace(/^\S+ s /, ''));
  expect(seen.toSorted()).toEqual([
    'currentPrimary: db-1 → db-2',
    'leaseHolder: none → db-2',
    'phase: healthy → Failing over',
    // The same name, but another pod.
    'pod of db-1: none → there',
    'pod of db-1: there → gone',
    'readWriteEndpoints: db-1 → db-1,db-3',
    'readWriteEndpoints: db-1,db-3 → db-3',
    'readWriteEndpoints: none → db-1',
    'readiness of db-1: none → ready',
    'readiness of db-1: ready → none',
    'role of db-1: none → replica',
    'role of db-1: primary → none',
    'targetPrimary: db-1 → pending',
    'targetPrimary: pending → db-2',
  ]);
  expect(timeline.wasBlind(startMs, performance.now())).toBe(false);
});

test('a refused start is told', async () => {
  server.handler = (_request, response) => {
    reply(response, 403, status(403, 'Forbidden', 'no'));
  };
  await using timeline = recordCluster(kube, ref);
  await expect(timeline.ready).rejects.toThrow('Forbidden');
});
