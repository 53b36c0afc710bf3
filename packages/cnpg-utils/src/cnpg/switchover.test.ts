import { describe, expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import { storeObject } from '../../test/support/stored-object.ts';
import type { KubeClient } from '../kube/client.ts';
import { setTargetPrimary, SwitchoverRefusedError, waitForNewTarget, waitForPrimaryChange } from './switchover.ts';

const ref = { namespace: 'team', name: 'db' };
const CLUSTER = '/apis/postgresql.cnpg.io/v1/namespaces/team/clusters/db';
const PODS = '/api/v1/namespaces/team/pods';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function cluster(status: Record<string, unknown> = {}) {
  return {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: { ...ref, uid: 'u' },
    spec: { instances: 3 },
    status: {
      phase: 'Cluster in healthy state',
      currentPrimary: 'db-1',
      targetPrimary: 'db-1',
      conditions: [
        { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
        { type: 'ContinuousArchiving', status: 'True' },
      ],
      ...status,
    },
  };
}

function pod(name: string, role: string, metadata: Record<string, unknown> = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name,
      namespace: 'team',
      uid: `uid-${name}`,
      labels: { 'cnpg.io/podRole': 'instance', 'cnpg.io/instanceName': name, 'cnpg.io/instanceRole': role },
    },
  };
}

describe('asking for a switchover', () => {
  test('writes the status as the plugin does, and keeps the other conditions', async () => {
    const object = storeObject(server, CLUSTER, cluster(), { [`${PODS}/db-2`]: pod('db-2', 'replica') });
    await setTargetPrimary(kube, ref, 'db-2', { uid: 'uid-db-2' });
    expect(object.patches.map(({ path }) => path)).toEqual([`${CLUSTER}/status`]);
    expect(object.current()).toMatchObject({
      status: {
        targetPrimary: 'db-2',
        targetPrimaryTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
        phase: 'Switchover in progress',
        phaseReason: 'Switching over to db-2',
        conditions: [
          { type: 'ContinuousArchiving', status: 'True' },
          { type: 'Ready', status: 'False', reason: 'ClusterIsNotReady', lastTransitionTime: expect.any(String) },
        ],
      },
    });
  });

  test('does nothing for the instance that is the target already', async () => {
    const object = storeObject(server, CLUSTER, cluster(), { [`${PODS}/db-1`]: pod('db-1', 'primary') });
    await setTargetPrimary(kube, ref, 'db-1');
    expect(object.patches).toEqual([]);
  });

  test.for<[why: string, metadata: Record<string, unknown>, status: Record<string, unknown>, uid: string]>([
    ['another UID', {}, {}, 'uid-of-before'],
    ['a pod that is going', { deletionTimestamp: '2026-01-01T00:00:00Z' }, {}, 'uid-db-2'],
    ['an undecided failover', {}, { targetPrimary: 'pending' }, 'uid-db-2'],
    ['another switchover', {}, { targetPrimary: 'db-3' }, 'uid-db-2'],
  ])('is refused for %s', async ([, metadata, status, uid]) => {
    const object = storeObject(server, CLUSTER, cluster(status), {
      [`${PODS}/db-2`]: pod('db-2', 'replica', metadata),
    });
    await expect(setTargetPrimary(kube, ref, 'db-2', { uid })).rejects.toBeInstanceOf(SwitchoverRefusedError);
    expect(object.patches).toEqual([]);
  });

  test('is refused for an instance without a pod', async () => {
    storeObject(server, CLUSTER, cluster());
    await expect(setTargetPrimary(kube, ref, 'db-9')).rejects.toThrow('it has no pod');
  });

  test('a failover that starts in between is not overwritten', async () => {
    const object = storeObject(server, CLUSTER, cluster(), { [`${PODS}/db-2`]: pod('db-2', 'replica') });
    object.beforePatch = () => {
      object.beforePatch = () => {};
      object.change({ status: { targetPrimary: 'pending' } });
    };
    await expect(setTargetPrimary(kube, ref, 'db-2')).rejects.toThrow('the primary is changing');
    expect(object.current()).toMatchObject({ status: { targetPrimary: 'pending' } });
  });
});

describe('waiting for another primary', () => {
  const serve = (status: Record<string, unknown>, pods: object[]) => {
    serveObjects(server, { [CLUSTER]: cluster(status), [PODS]: pods });
  };
  const done = { currentPrimary: 'db-2', targetPrimary: 'db-2' };

  test('promoted, wanted and labelled', async () => {
    serve(done, [pod('db-1', 'replica'), pod('db-2', 'primary')]);
    await expect(waitForPrimaryChange(kube, ref, { from: 'db-1' })).resolves.toMatchObject({ name: 'db-2' });
  });

  test.for<[why: string, status: Record<string, unknown>, pods: object[]]>([
    ['the old one', {}, [pod('db-1', 'primary')]],
    ['undecided', { targetPrimary: 'pending' }, [pod('db-1', 'unhealthy')]],
    ['undecided by both', { currentPrimary: 'pending', targetPrimary: 'pending' }, []],
    ['not promoted yet', { targetPrimary: 'db-2' }, [pod('db-2', 'primary')]],
    ['not labelled yet', done, [pod('db-2', 'replica')]],
    ['two labelled', done, [pod('db-1', 'primary'), pod('db-2', 'primary')]],
    ['going again', done, [pod('db-2', 'primary', { deletionTimestamp: '2026-01-01T00:00:00Z' })]],
  ])('%s is no change', async ([, status, pods]) => {
    serve(status, pods);
    const state = await firstState((wait) => waitForPrimaryChange(kube, ref, { ...wait, from: 'db-1' }));
    expect(state).toContain('labelled primary');
  });

  test('"pending" is no target', async () => {
    serve({ targetPrimary: 'pending' }, []);
    const state = await firstState((wait) => waitForNewTarget(kube, ref, { ...wait, from: 'db-1' }));
    expect(state).toContain('db-1 → pending');
    serve({ targetPrimary: 'db-3' }, []);
    await expect(waitForNewTarget(kube, ref, { from: 'db-1' })).resolves.toBe('db-3');
  });
});
