import { afterEach, beforeEach, expect, test } from 'vitest';
import { ObjectStore } from '../../../test/fakes/object-store.ts';
import type { EngineContext } from '../engine.ts';
import { unmetNeeds } from './needs.ts';

const { signal } = new AbortController();

let store: ObjectStore;
let context: EngineContext;
beforeEach(async () => {
  store = await ObjectStore.start();
  context = {
    kube: store.kube,
    cluster: { namespace: 'team', name: 'pg' },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
  };
  pod('team', 'pg-1', 'w1');
});
afterEach(() => store[Symbol.asyncDispose]());

function pod(namespace: string, name: string, nodeName: string, more: Record<string, unknown> = {}) {
  store.put(`/api/v1/namespaces/${namespace}/pods/${name}`, {
    metadata: {
      namespace,
      name,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'chaos-daemon', uid: 'd' }],
    },
    spec: { nodeName, containers: [{ args: ['--runtime', 'containerd'] }] },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
    ...more,
  });
}

function node(name: string, runtime: string) {
  store.put(`/api/v1/nodes/${name}`, {
    metadata: { name },
    status: { nodeInfo: { containerRuntimeVersion: `${runtime}://1.7.24` } },
  });
}

const missing = async (...needs: string[]) =>
  (await unmetNeeds(context, signal, needs)).map((problem) => problem.missing);

test('a word that it does not know is something that it cannot do', async () => {
  expect(await missing('eviction', 'daemon')).toEqual(['it has no eviction']);
});

test('a kind that is not installed', async () => {
  expect(await missing('TimeChaos')).toEqual(['CRD timechaos.chaos-mesh.org is not installed']);
});

test('I/O faults are opted in to', async () => {
  expect(await missing('io-opt-in')).toEqual([
    'IOChaos tampers with the open files of a running PostgreSQL, and is not allowed',
  ]);
  context = { ...context, chaosMesh: { namespace: 'chaos-mesh', allowIOChaos: true } };
  expect(await missing('io-opt-in')).toEqual([]);
});

test('a name server of its own', async () => {
  expect(await missing('dns-server')).toEqual(['Service chaos-mesh/chaos-mesh-dns-server does not exist']);
});

test('a daemon on every node that could be hit, and on no other', async () => {
  node('w1', 'containerd');
  node('control-plane', 'containerd');
  expect(await missing('daemon')).toEqual(['node w1 has no ready pod of DaemonSet chaos-mesh/chaos-daemon']);
  pod('chaos-mesh', 'chaos-daemon-a', 'w1', { status: { conditions: [{ type: 'Ready', status: 'False' }] } });
  expect(await missing('daemon')).toHaveLength(1);
  pod('chaos-mesh', 'chaos-daemon-a', 'w1');
  expect(await missing('daemon')).toEqual([]);
});

test('a daemon for the runtime that the node has', async () => {
  node('w1', 'docker');
  pod('chaos-mesh', 'chaos-daemon-a', 'w1');
  expect(await missing('daemon')).toEqual(['the daemon on node w1 is set up for containerd, but the node runs docker']);
});
