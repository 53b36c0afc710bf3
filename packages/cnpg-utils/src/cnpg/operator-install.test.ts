import { beforeEach, expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply, type SeenRequest, status } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import type { KubeClient } from '../kube/client.ts';
import { parseManifests, WrongKindError } from '../kube/yaml.ts';
import { installOperator } from './operator-install.ts';

const manifests = parseManifests(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: cnpg-controller-manager, namespace: cnpg-system }
spec: { template: { spec: { serviceAccountName: cnpg-manager, containers: [{ name: manager, image: old:1.29.0 }] } } }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: clusters.postgresql.cnpg.io }
---
apiVersion: v1
kind: Namespace
metadata: { name: cnpg-system }
`);

let server: FakeApiServer;
let kube: KubeClient;
/** What the server knows; tests take something away. */
let world: { established: boolean; allowed: boolean; pods: string[]; available: number };

eachWithServer((fresh) => ({ server, kube } = fresh));
beforeEach(() => {
  world = { established: true, allowed: true, pods: ['new'], available: 1 };
  server.handler = (request, response) => {
    const [code, body] = answer(request);
    reply(response, code, body);
  };
});

function answer({ method, path, body }: SeenRequest): [code: number, body: unknown] {
  if (path.endsWith('/subjectaccessreviews')) return [201, { status: { allowed: world.allowed } }];
  if (path === '/apis/authorization.k8s.io/v1') {
    return [200, { resources: [{ kind: 'SubjectAccessReview', name: 'subjectaccessreviews', namespaced: false }] }];
  }
  if (method === 'PATCH') return [200, JSON.parse(body)];
  if (path.endsWith('/customresourcedefinitions/clusters.postgresql.cnpg.io')) {
    return [200, { status: { conditions: [{ type: 'Established', status: world.established ? 'True' : 'False' }] } }];
  }
  if (path.endsWith('/deployments')) {
    const metadata = { name: 'cnpg-controller-manager', namespace: 'cnpg-system', generation: 1 };
    const counts = { observedGeneration: 1, updatedReplicas: 1, availableReplicas: world.available };
    const template = { spec: { containers: [] } };
    return [200, { metadata: {}, items: [{ metadata, spec: { replicas: 1, template }, status: counts }] }];
  }
  if (path.endsWith('/pods')) {
    const items = world.pods.map((name) => ({ metadata: { name, namespace: 'cnpg-system', uid: name } }));
    return [200, { metadata: {}, items }];
  }
  if (path.endsWith('/clusters')) return [422, status(422, 'Invalid', 'spec.storage.size')];
  return [404, status(404, 'NotFound', `${path} not found`)];
}

test('the namespace and the kinds come first, and another registry’s image is put in', async () => {
  await expect(installOperator(kube, manifests, { image: 'mine/operator:1.30.0' })).resolves.toMatchObject({
    ready: true,
  });
  const patches = server.requests.filter(({ method }) => method === 'PATCH');
  expect(patches.map(({ path }) => path)).toEqual([
    '/api/v1/namespaces/cnpg-system',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusters.postgresql.cnpg.io',
    '/apis/apps/v1/namespaces/cnpg-system/deployments/cnpg-controller-manager',
  ]);
  expect(patches.at(-1)?.body).toContain('mine/operator:1.30.0');
});

test.for<[why: string, change: Partial<typeof world>, said: string]>([
  ['a kind that is not served yet', { established: false }, 'not established: clusters.postgresql.cnpg.io'],
  ['a role that is not in force yet', { allowed: false }, 'not allowed to create configmaps'],
  ['a pod of the former version', { pods: ['old', 'new'] }, '2 pods, 1 are wanted'],
  ['a pod that is not available', { available: 0 }, 'has 0 of 1 replicas available'],
])('%s is waited for, and named', async ([, change, said]) => {
  Object.assign(world, change);
  await expect(firstState((wait) => installOperator(kube, manifests, wait))).resolves.toContain(said);
});

test('a manifest without an operator is refused before anything is sent', async () => {
  await expect(installOperator(kube, manifests.slice(1))).rejects.toBeInstanceOf(WrongKindError);
  expect(server.requests).toEqual([]);
});
