import type { KubernetesObject } from '@cnpg-chaos/cnpg-utils';
import { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeApiServer } from '../../../cnpg-utils/test/support/fake-api-server.ts';
import { serveObjects } from '../../../cnpg-utils/test/support/object-server.ts';
import { between, together } from './combined.ts';
import { addresses, apiServer } from './endpoints.ts';
import { indexOf } from './random.ts';
import { byPosition, chooseSyncStandby } from './standby.ts';
import { type ResolvedTarget, TargetError, type TargetSelector } from './target.ts';
import { nodeSelector, peerSelector, podSelector, volumeSelector } from './target-spec.ts';

let server: FakeApiServer;
let kube: KubeClient;
beforeEach(async () => {
  server = await FakeApiServer.start();
  kube = KubeClient.fromString(server.kubeconfig);
});
afterEach(async () => {
  await kube.close();
  await server[Symbol.asyncDispose]();
});

type Fake = KubernetesObject & Record<string, unknown>;

function pod(name: string, node: string | undefined, labels: Record<string, string> = {}): Fake {
  return {
    metadata: { name, uid: `uid-${name}`, namespace: 'ns', labels: { 'cnpg.io/podRole': 'instance', ...labels } },
    spec: node === undefined ? {} : { nodeName: node },
    status: { podIP: `10.0.0.${name.at(-1)}`, phase: 'Running' },
  };
}

function node(name: string, zone?: string): Fake {
  const labels = zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone };
  return {
    metadata: { name, uid: `uid-${name}`, labels },
    status: { addresses: [{ type: 'InternalIP', address: `172.31.0.${name.at(-1)}` }] },
  };
}

function claim(instance: string, role: string): Fake {
  const name = role === 'PG_WAL' ? `${instance}-wal` : instance;
  const labels = { 'cnpg.io/instanceName': instance, 'cnpg.io/pvcRole': role };
  return { metadata: { name, uid: `uid-${name}`, labels } };
}

const ns = '/api/v1/namespaces/ns';
const operatorPods = '/api/v1/namespaces/cnpg-system/pods';
const cluster = (current: string, target = current): Fake => ({
  apiVersion: 'postgresql.cnpg.io/v1',
  kind: 'Cluster',
  metadata: { name: 'pg', namespace: 'ns', uid: 'uid-pg' },
  spec: { instances: 3, storage: { size: '1Gi' } },
  status: { currentPrimary: current, targetPrimary: target },
});

function world(change: Record<string, Fake | Fake[]> = {}): void {
  serveObjects(server, {
    '/apis/postgresql.cnpg.io/v1/namespaces/ns/clusters/pg': cluster('pg-2'),
    [`${ns}/pods`]: [pod('pg-1', 'w1'), pod('pg-2', 'w2'), pod('pg-3', 'w3')],
    [`${ns}/persistentvolumeclaims`]: [claim('pg-2', 'PG_DATA'), claim('pg-2', 'PG_WAL')],
    '/api/v1/nodes': [node('w1', 'zone-1'), node('w2', 'zone-2'), node('w3', 'zone-2'), node('w4')],
    '/api/v1/namespaces/default/services/kubernetes': { spec: { clusterIP: '10.96.0.1' } } as Fake,
    '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices': [
      { endpoints: [{ addresses: ['172.31.0.10'] }] } as Fake,
    ],
    '/apis/apps/v1/namespaces/cnpg-system/deployments': [
      { metadata: { name: 'op', namespace: 'cnpg-system', uid: 'uid-op' }, spec: { template: {} } } as Fake,
    ],
    [operatorPods]: ['op-a', 'op-b'].map((name) => ({
      metadata: { name, uid: `uid-${name}`, namespace: 'cnpg-system' },
    })),
    [`${operatorPods}/op-a`]: { ...pod('op-1', 'w1') },
    [`${operatorPods}/op-b`]: { ...pod('op-2', 'w2') },
    '/apis/coordination.k8s.io/v1/namespaces/cnpg-system/leases/db9c8771.cnpg.io': {
      spec: { holderIdentity: 'op-b_1234' },
    } as Fake,
    ...change,
  });
}

function resolve(selector: TargetSelector, seed = 1): Promise<readonly ResolvedTarget[]> {
  const context = { kube, cluster: { namespace: 'ns', name: 'pg' }, operatorNamespace: 'cnpg-system', seed };
  return selector.resolve(context, AbortSignal.timeout(5_000));
}

const names = async (selector: TargetSelector, seed?: number) =>
  (await resolve(selector, seed)).map(({ name, role }) => `${name}: ${role}`);

describe('pods by their role', () => {
  test.each([
    ['primary', ['pg-2: primary']],
    [{ replica: 1 }, ['pg-3: replica 1']],
    [{ instance: 'pg-3' }, ['pg-3: instance pg-3']],
    ['all-instances', ['pg-2: primary', 'pg-1: replica 0', 'pg-3: replica 1']],
    ['all-replicas', ['pg-1: replica 0', 'pg-3: replica 1']],
    ['operator', ['op-a: operator', 'op-b: operator']],
    ['operator-leader', ['op-b: operator leader']],
    [
      ['primary', 'all-instances'],
      ['pg-2: primary', 'pg-1: replica 0', 'pg-3: replica 1'],
    ],
  ] as const)('%j', async (spec, expected) => {
    world();
    expect(await names(podSelector(typeof spec === 'object' && 'length' in spec ? [...spec] : spec))).toEqual(expected);
  });

  test('is an identity: UID, address and node are kept', async () => {
    world();
    expect(await resolve(podSelector('primary'))).toEqual([
      { kind: 'pod', role: 'primary', namespace: 'ns', name: 'pg-2', uid: 'uid-pg-2', ip: '10.0.0.2', node: 'w2' },
    ]);
  });

  test('a random one follows from the seed, and every one can be hit', async () => {
    world();
    const hit = await Promise.all(
      Array.from({ length: 20 }, async (_, seed) => (await names(podSelector('random-instance'), seed)).join()),
    );
    expect(new Set(hit)).toEqual(
      new Set([
        'pg-1: random instance (replica 0)',
        'pg-2: random instance (primary)',
        'pg-3: random instance (replica 1)',
      ]),
    );
    expect(await names(podSelector('random-instance'), 7)).toEqual([hit[7]]);
    expect((await names(podSelector('random-replica'), 7)).join()).not.toContain('pg-2');
  });

  test.each([
    [
      'all-instances',
      'has not settled on one',
      { '/apis/postgresql.cnpg.io/v1/namespaces/ns/clusters/pg': cluster('pg-2', 'pending') },
    ],
    ['all-replicas', 'the cluster has none', { [`${ns}/pods`]: [pod('pg-2', 'w2')] }],
    ['random-replica', 'the cluster has none', { [`${ns}/pods`]: [pod('pg-2', 'w2')] }],
    ['operator', 'it has no pod in namespace cnpg-system', { [operatorPods]: [] }],
    [
      'operator-leader',
      'which is no pod any more; pods: op-c',
      {
        [operatorPods]: [{ metadata: { name: 'op-c', uid: 'u', namespace: 'cnpg-system' } }],
        [`${operatorPods}/op-c`]: pod('op-3', 'w1'),
      },
    ],
    [
      'operator-leader',
      "nobody holds the operator's Lease",
      {
        '/apis/coordination.k8s.io/v1/namespaces/cnpg-system/leases/db9c8771.cnpg.io': { spec: { holderIdentity: '' } },
      },
    ],
    [{ instance: 'pg-9' }, 'got "pg-9", expected one of pg-1, pg-2, pg-3', {}],
  ] as const)('%j is refused when %s', async (spec, message, change) => {
    world(change as unknown as Record<string, Fake>);
    await expect(resolve(podSelector(spec))).rejects.toThrow(TargetError);
    await expect(resolve(podSelector(spec))).rejects.toThrow(message);
  });
});

describe('nodes', () => {
  test.each([
    [{ nodeOf: 'primary' }, ['w2: node of primary']],
    [
      { nodeOf: ['primary', { replica: 0 }] },
      ['w1: node of primary and replica 0', 'w2: node of primary and replica 0'],
    ],
    [{ zoneOf: 'primary' }, ['w2: zone of primary', 'w3: zone of primary']],
    [{ zone: 'zone-2' }, ['w2: zone zone-2', 'w3: zone zone-2']],
    [{ node: 'w4' }, ['w4: node w4']],
  ] as const)('%j', async (spec, expected) => {
    world();
    expect(await names(nodeSelector(spec as Parameters<typeof nodeSelector>[0]))).toEqual(expected);
  });

  test.each([
    [{ node: 'w9' }, 'no such node; nodes: w1 (zone-1), w2 (zone-2), w3 (zone-2), w4', {}],
    [{ nodeOf: 'primary' }, 'pod ns/pg-2 is on no node yet', { [`${ns}/pods`]: [pod('pg-2', undefined)] }],
    [{ zoneOf: 'primary' }, 'node w4 has no label', { [`${ns}/pods`]: [pod('pg-2', 'w4')] }],
  ] as const)('%j is refused: %s', async (spec, message, change) => {
    world(change as unknown as Record<string, Fake>);
    await expect(resolve(nodeSelector(spec))).rejects.toThrow(message);
  });
});

test('a volume is found by the instance and what it is for', async () => {
  world();
  expect(await resolve(volumeSelector({ volumeOf: 'primary', volume: 'wal' }))).toEqual([
    {
      kind: 'volume',
      role: 'wal volume of primary',
      namespace: 'ns',
      name: 'pg-2-wal',
      uid: 'uid-pg-2-wal',
      pod: 'pg-2',
      node: 'w2',
    },
  ]);
  world({ [`${ns}/persistentvolumeclaims`]: [claim('pg-2', 'PG_DATA')] });
  await expect(resolve(volumeSelector({ volumeOf: 'primary', volume: 'wal' }))).rejects.toThrow(
    'pg-2 has no such volume; its volumes: pg-2 (PG_DATA)',
  );
});

describe('two sides', () => {
  test('each target says on which it is', async () => {
    world();
    const found = await resolve(
      between(podSelector('primary'), together<ResolvedTarget>(podSelector('all-replicas'), apiServer())),
    );
    expect(found.map(({ name, side }) => `${name} ${side}`)).toEqual([
      'pg-2 from',
      'pg-1 to',
      'pg-3 to',
      'kubernetes to',
    ]);
    expect(found.at(-1)).toMatchObject({ addresses: ['10.96.0.1', '172.31.0.10'] });
  });

  test('nobody is on both, and none is empty', async () => {
    world();
    await expect(resolve(between(podSelector('primary'), peerSelector('all-instances')))).rejects.toThrow(
      'on both sides: pod ns/pg-2',
    );
    const nobody: TargetSelector = { description: 'nobody', resolve: () => Promise.resolve([]) };
    await expect(resolve(between(podSelector('primary'), nobody))).rejects.toThrow('nobody resolved to nothing');
  });

  test('addresses are a side, too', async () => {
    world();
    expect(await names(peerSelector({ addresses: ['10.0.0.9', '10.0.0.8'] }))).toEqual([
      '10.0.0.9,10.0.0.8: addresses',
    ]);
    expect(await resolve(addresses(['b', 'a', 'b']))).toMatchObject([{ uid: 'a,b', addresses: ['a', 'b'] }]);
    expect((await names(peerSelector([{ nodeOf: 'primary' }, 'api-server', 'primary']))).join()).toBe(
      'w2: node of primary,kubernetes: API server,pg-2: primary',
    );
  });
});

describe('which standby', () => {
  const standby = (name: string, syncState: string, flushLsn: string | null, state = 'streaming') => ({
    name,
    state,
    syncState,
    flushLsn,
    replayLsn: flushLsn,
    replayLagBytes: 0,
  });

  test.each([
    [
      'of a quorum the one that has flushed most',
      [standby('pg-1', 'quorum', '0/1'), standby('pg-3', 'quorum', '0/2')],
      'pg-3',
    ],
    ['of equal ones the first', [standby('pg-10', 'quorum', '0/1'), standby('pg-9', 'quorum', '0/1')], 'pg-9'],
    ['sync before quorum', [standby('pg-1', 'quorum', '0/9'), standby('pg-3', 'sync', null)], 'pg-3'],
    ['nobody that only catches up', [standby('pg-1', 'quorum', '0/9', 'catchup')], undefined],
    [
      'nobody that is not waited for',
      [standby('pg-1', 'async', '0/9'), standby('pg-3', 'potential', '0/9')],
      undefined,
    ],
  ])('%s acknowledges', (_what, standbys, expected) => {
    expect(chooseSyncStandby(standbys)).toBe(expected);
  });

  test('the furthest has received most, then replayed most', () => {
    const position = (name: string, receivedLsn: string, replayLsn: string) => ({ name, receivedLsn, replayLsn });
    const order = byPosition([
      position('c', '0/0', '0/0'),
      position('b', '0/A', '0/1'),
      position('a', '0/A', '0/9'),
      position('d', '1/0', '0/0'),
    ]);
    expect(order.map(({ name }) => name).join('')).toBe('dabc');
  });
});

test('a choice by seed is spread evenly', () => {
  const hits = [0, 0, 0];
  for (let seed = 0; seed < 300; seed += 1) hits[indexOf(seed, 'test', 3)] = (hits[indexOf(seed, 'test', 3)] ?? 0) + 1;
  for (const count of hits) expect(count).toBeGreaterThan(70);
});
