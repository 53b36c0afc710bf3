import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { dumpCluster, formatDump } from './dump.ts';

const ref = { namespace: 'team', name: 'db' };
let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

const meta = (name: string, labels: Record<string, string> = {}) => ({ name, namespace: 'team', uid: name, labels });

function serve(): void {
  const cnpg = '/apis/postgresql.cnpg.io/v1/namespaces/team';
  const core = '/api/v1/namespaces/team';
  const event = (reason: string, lastTimestamp: string) => ({
    metadata: meta(reason),
    involvedObject: { kind: 'Cluster', name: 'db' },
    reason,
    lastTimestamp,
    message: `about ${reason}`,
    type: 'Normal',
    count: 2,
  });
  const objects: Record<string, object> = {
    [`${cnpg}/clusters/db`]: {
      apiVersion: 'postgresql.cnpg.io/v1',
      kind: 'Cluster',
      metadata: { ...meta('db'), managedFields: [{ manager: 'noise' }] },
      spec: { instances: 3 },
      status: { phase: 'Failing over', currentPrimary: 'db-1', targetPrimary: 'pending' },
    },
    [`${core}/pods`]: [
      {
        metadata: {
          ...meta('db-1', { 'cnpg.io/instanceRole': 'unhealthy' }),
          annotations: { 'cnpg.io/podSpec': 'long' },
        },
        spec: { nodeName: 'w1', containers: [{ name: 'postgres', env: [{ name: 'PGPASSWORD', value: 'hunter2' }] }] },
        status: { phase: 'Pending' },
      },
    ],
    [`${core}/events`]: [event('Later', '2026-01-01T00:00:02Z'), event('Sooner', '2026-01-01T00:00:01Z')],
    '/apis/discovery.k8s.io/v1/namespaces/team/endpointslices': [
      {
        metadata: meta('db-rw-x7k2p', { 'kubernetes.io/service-name': 'db-rw' }),
        endpoints: [{ addresses: ['10.0.0.1'] }],
      },
      { metadata: meta('other-1', { 'kubernetes.io/service-name': 'other' }) },
    ],
    '/api/v1/nodes': [{ metadata: { name: 'w1' }, spec: { unschedulable: true }, status: {} }],
  };
  serveObjects(server, objects);
}

test('collects what it can and names what it cannot', async () => {
  serve();
  const dump = await dumpCluster(kube, ref);
  expect(dump.cluster?.metadata).not.toHaveProperty('managedFields');
  expect(dump.events.map(({ reason }) => reason)).toEqual(['Sooner', 'Later']);
  // Upstream looks slices up by the service's name, which none of them has.
  expect(dump.endpointSlices.map(({ metadata }) => metadata?.name)).toEqual(['db-rw-x7k2p']);
  expect(Object.keys(dump.missing).toSorted()).toEqual(['jobs', 'operator', 'volumeClaims']);
  expect(dump.missing['jobs']).toContain('NotFoundError');
  const json = JSON.stringify(dump);
  expect(json).toContain('PGPASSWORD');
  expect(json).not.toContain('hunter2');
  expect(json).not.toContain('podSpec');
  expect(JSON.parse(json)).toMatchObject({ ref });
});

test('as text', async () => {
  serve();
  const text = formatDump(await dumpCluster(kube, ref));
  expect(text).toContain('Failing over, 0 of 3 ready, primary db-1 → pending');
  expect(text).toContain('db-1: Pending, not ready, unhealthy, on w1');
  expect(text).toContain('db-rw → 10.0.0.1');
  expect(text).toContain('w1 not reachable, cordoned');
  expect(text).toContain('2026-01-01T00:00:01.000Z Normal Sooner Cluster db: about Sooner (2 times)');
  expect(text).toContain('jobs: NotFoundError');
});

test('of a cluster that is not there, from a server that does not answer', async () => {
  serveObjects(server, {});
  expect(formatDump(await dumpCluster(kube, ref))).toContain('not there');
  await server[Symbol.asyncDispose]();
  const dump = await dumpCluster(kube, ref);
  expect(Object.keys(dump.missing)).toHaveLength(10);
  expect(dump.missing['cluster']).toContain('UnreachableError');
});
