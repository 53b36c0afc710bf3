import type { V1ContainerStatus, V1Deployment, V1Pod } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import type { KubeClient } from '../kube/client.ts';
import {
  OperatorNotFoundError,
  operatorProblems,
  operatorStatus,
  operatorVersion,
  waitForOperatorReady,
} from './operator.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

const DEPLOYMENTS = '/apis/apps/v1/deployments';
const PODS = '/api/v1/pods';

function deployment(status: V1Deployment['status'], spec: Partial<V1Deployment['spec']> = {}): V1Deployment {
  return {
    metadata: { name: 'cnpg-controller-manager', namespace: 'cnpg-system', generation: 2 },
    spec: {
      replicas: 1,
      selector: {},
      template: { spec: { containers: [{ name: 'manager', image: 'registry/cloudnative-pg:1.30.0' }] } },
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

const ready = { observedGeneration: 2, updatedReplicas: 1, availableReplicas: 1 };

function pod(containerStatuses: V1ContainerStatus[] = []): V1Pod {
  return {
    metadata: { name: 'cnpg-0', namespace: 'cnpg-system', uid: 'u' },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], containerStatuses },
  };
}

test('an operator that is ready', async () => {
  const elsewhere = { metadata: { name: 'x', namespace: 'elsewhere' } };
  serveObjects(server, { [DEPLOYMENTS]: [deployment(ready)], [PODS]: [pod(), elsewhere] });
  await expect(operatorStatus(kube)).resolves.toEqual({
    ready: true,
    problems: [],
    namespace: 'cnpg-system',
    deployment: 'cnpg-controller-manager',
    image: 'registry/cloudnative-pg:1.30.0',
    version: '1.30.0',
    replicas: { wanted: 1, available: 1 },
    pods: [{ name: 'cnpg-0', uid: 'u', ready: true, terminating: false, restarts: 0 }],
  });
});

test.for<[string, V1Deployment, string]>([
  ['none available', deployment({ ...ready, availableReplicas: 0 }), 'has 0 of 1 replicas available'],
  ['a change under way', deployment({ ...ready, observedGeneration: 1 }), 'has a change that is not rolled out yet'],
  ['half rolled out', deployment({ ...ready, updatedReplicas: 0 }), 'has 0 of 1 replicas up to date'],
  ['scaled to nothing', deployment(ready, { replicas: 0 }), 'is scaled to 0'],
  ['no status yet', deployment(undefined), 'has a change that is not rolled out yet'],
])('%s is a problem', async ([, object, sentence]) => {
  serveObjects(server, { [DEPLOYMENTS]: [object], [PODS]: [pod()] });
  const status = await operatorStatus(kube);
  expect(status.ready).toBe(false);
  expect(status.problems.join('\n')).toContain(sentence);
});

test('a crash loop is a problem even while the Deployment still counts it', async () => {
  const state = { waiting: { reason: 'CrashLoopBackOff' } };
  const looping = pod([{ name: 'manager', image: '', imageID: '', ready: false, restartCount: 3, state }]);
  serveObjects(server, { [DEPLOYMENTS]: [deployment(ready)], [PODS]: [looping] });
  await expect(operatorProblems(kube)).resolves.toEqual(['container manager of pod cnpg-0 is in CrashLoopBackOff']);
});

test('no operator is told with what to do; for health it is a problem', async () => {
  serveObjects(server, { [DEPLOYMENTS]: [], [PODS]: [] });
  await expect(operatorStatus(kube)).rejects.toBeInstanceOf(OperatorNotFoundError);
  await expect(operatorProblems(kube)).resolves.toEqual([expect.stringContaining('Install CloudNativePG first')]);
});

test('two operators are refused by name', async () => {
  serveObjects(server, { [DEPLOYMENTS]: [deployment(ready), deployment(ready)], [PODS]: [] });
  await expect(operatorStatus(kube)).rejects.toThrow('cnpg-system/cnpg-controller-manager, cnpg-system');
});

test('waiting for it tells what is missing', async () => {
  serveObjects(server, { [DEPLOYMENTS]: [deployment({ ...ready, availableReplicas: 0 })], [PODS]: [] });
  const state = await firstState((wait) => waitForOperatorReady(kube, { ...wait, webhook: false }));
  expect(state).toContain('0 of 1 replicas available');
});

test('its version is asked from its binary', async () => {
  serveObjects(server, { [DEPLOYMENTS]: [deployment(ready)], [PODS]: [pod()] });
  let answer = 'Build: {Version:1.30.0 Commit:abc Date:unknown}\n';
  server.execHandler = (socket) => {
    socket.send(Buffer.concat([Buffer.of(1), Buffer.from(answer)]));
    socket.send(Buffer.concat([Buffer.of(3), Buffer.from('{"status":"Success"}')]));
  };
  await expect(operatorVersion(kube)).resolves.toBe('1.30.0');
  answer = 'no idea';
  await expect(operatorVersion(kube)).rejects.toThrow('names no version: no idea');
  serveObjects(server, { [DEPLOYMENTS]: [deployment(ready)], [PODS]: [] });
  await expect(operatorVersion(kube)).rejects.toThrow('has no ready pod to ask');
});
