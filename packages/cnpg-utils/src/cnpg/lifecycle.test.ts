import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import { storeObject } from '../../test/support/stored-object.ts';
import type { KubeClient } from '../kube/client.ts';
import { annotations, phases } from './constants.ts';
import { hibernate, restartCluster, scaleCluster, waitForPhase, waitForRestarted } from './lifecycle.ts';

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
    spec: { instances: 2 },
    status: { phase: phases.healthy, instances: 2, readyInstances: 2, ...status },
  };
}

const pod = (name: string, restartedAt: string) => ({
  metadata: { name, namespace: 'team', uid: name, annotations: { [annotations.restartedAt]: restartedAt } },
});

test('scaling writes the number and returns the cluster as it is then', async () => {
  const object = storeObject(server, CLUSTER, cluster());
  const scaled = await scaleCluster(kube, ref, 4);
  expect(scaled.spec.instances).toBe(4);
  expect(object.patches.map(({ body }) => body)).toEqual([{ spec: { instances: 4 } }]);
});

test('a restart is over when every pod carries its time and the cluster is ready', async () => {
  storeObject(server, CLUSTER, cluster());
  const requested = await restartCluster(kube, ref);
  const ready = cluster();
  serveObjects(server, { [CLUSTER]: ready, [PODS]: [pod('db-1', 'before'), pod('db-2', requested)] });
  const state = await firstState((wait) => waitForRestarted(kube, ref, requested, wait));
  expect(state).toContain('not restarted yet: db-1');
  // No pods at all carry no other time either.
  serveObjects(server, { [CLUSTER]: ready, [PODS]: [] });
  await firstState((wait) => waitForRestarted(kube, ref, requested, wait));
  serveObjects(server, { [CLUSTER]: ready, [PODS]: [pod('db-1', requested), pod('db-2', requested)] });
  await expect(waitForRestarted(kube, ref, requested)).resolves.toMatchObject({ spec: { instances: 2 } });
});

test('a cluster is hibernated when the operator says so and no pods are left', async () => {
  const condition = (status: string) => ({
    conditions: [
      { type: 'cnpg.io/hibernation', status, reason: 'DeletingPods', message: 'Hibernation is in progress' },
    ],
  });
  serveObjects(server, { [CLUSTER]: cluster(condition('False')), [PODS]: [pod('db-1', '')] });
  const state = await firstState((wait) => hibernate(kube, ref, wait));
  expect(state).toBe('DeletingPods: Hibernation is in progress; 1 instance pods left');
  expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
    metadata: { annotations: { [annotations.hibernation]: 'on' } },
  });
  serveObjects(server, { [CLUSTER]: cluster(condition('True')), [PODS]: [pod('db-1', '')] });
  await firstState((wait) => hibernate(kube, ref, wait));
  serveObjects(server, { [CLUSTER]: cluster(condition('True')), [PODS]: [] });
  await hibernate(kube, ref);
});

test('waiting for a phase tells the one it is in', async () => {
  serveObjects(server, { [CLUSTER]: cluster({ phase: phases.upgrade }) });
  await expect(waitForPhase(kube, ref, [phases.failover, phases.upgrade])).resolves.toBeDefined();
  await expect(firstState((wait) => waitForPhase(kube, ref, phases.healthy, wait))).resolves.toContain(phases.upgrade);
});
