import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import type { KubeClient } from '../kube/client.ts';
import type { OperatorStatus } from './operator.ts';
import { operatorChanges, restartOperator, scaleOperator } from './operator-control.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function serveOperator(state: { replicas: number; pods: string[] }) {
  const meta = { namespace: 'cnpg-system' };
  const deployment = () => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...meta, name: 'cnpg-controller-manager', generation: 1 },
    spec: { replicas: state.replicas, template: { spec: { containers: [{ name: 'manager', image: 'x:1.30.0' }] } } },
    status: { observedGeneration: 1, updatedReplicas: state.replicas, availableReplicas: state.replicas },
  });
  server.handler = (request, response) => {
    const body = request.body === '' ? undefined : (JSON.parse(request.body) as { spec?: { replicas: number } });
    if (request.method === 'PATCH') state.replicas = body?.spec?.replicas ?? 0;
    if (request.method === 'DELETE') state.pods = state.pods.filter((name) => !request.path.endsWith(name));
    if (request.path.endsWith('/deployments')) reply(response, 200, { metadata: {}, items: [deployment()] });
    else if (request.path.endsWith('/pods')) {
      const items = state.pods.map((name) => ({ metadata: { ...meta, name, uid: `uid-${name}` } }));
      reply(response, 200, { metadata: {}, items });
    } else if (request.path.includes('/pods/')) {
      const name = request.path.split('/').at(-1) ?? '';
      const there = state.pods.includes(name);
      reply(response, there ? 200 : 404, there ? { metadata: { ...meta, name, uid: `uid-${name}` } } : {});
    } else reply(response, 200, deployment());
  };
}

test('scaled to nothing is over when its pods are gone, not when the Deployment says 0', async () => {
  const state = { replicas: 1, pods: ['cnpg-a'] };
  serveOperator(state);
  await expect(firstState((wait) => scaleOperator(kube, 0, wait))).resolves.toBe('1 pods left: cnpg-a');
  state.pods = [];
  await expect(scaleOperator(kube, 0)).resolves.toMatchObject({ replicas: { wanted: 0 }, pods: [] });
});

test('a restart deletes each pod by UID, with a second to end', async () => {
  serveOperator({ replicas: 1, pods: ['cnpg-a'] });
  // The successor's webhook does not answer here: the wait says so.
  await firstState((wait) => restartOperator(kube, wait));
  const deletion = server.requests.find(({ method }) => method === 'DELETE');
  expect(JSON.parse(deletion?.body ?? '')).toMatchObject({
    gracePeriodSeconds: 1,
    preconditions: { uid: 'uid-cnpg-a' },
  });
});

test('what happened to its pods', () => {
  const status = (pods: { name: string; uid: string; restarts: number }[]) => ({ pods }) as OperatorStatus;
  const before = status([{ name: 'a', uid: '1', restarts: 0 }]);
  expect(operatorChanges(before, before)).toEqual([]);
  expect(operatorChanges(before, status([{ name: 'a', uid: '1', restarts: 2 }]))).toEqual([
    'operator pod a was restarted 2 times',
  ]);
  // The same name is not enough.
  expect(operatorChanges(before, status([{ name: 'a', uid: '2', restarts: 0 }]))).toEqual([
    'operator pod a was replaced',
  ]);
});
