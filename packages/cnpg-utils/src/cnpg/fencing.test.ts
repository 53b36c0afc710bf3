import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { storeObject } from '../../test/support/stored-object.ts';
import type { KubeClient } from '../kube/client.ts';
import { NotFoundError } from '../kube/errors.ts';
import { annotations } from './constants.ts';
import { fence, FencingError, isFenced, listFenced, unfence } from './fencing.ts';

const ref = { namespace: 'team', name: 'db' };
const CLUSTER = '/apis/postgresql.cnpg.io/v1/namespaces/team/clusters/db';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function stored(fenced?: string) {
  const set = fenced === undefined ? {} : { [annotations.fencedInstances]: fenced };
  return storeObject(server, CLUSTER, {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: { ...ref, uid: 'u', annotations: { other: 'kept', ...set } },
    spec: { instances: 3 },
  });
}

test.for<[before: string | undefined, instance: string, after: string[]]>([
  [undefined, 'db-2', ['db-2']],
  ['["db-3"]', 'db-2', ['db-2', 'db-3']],
  ['["db-3"]', '*', ['*']],
  ['["*"]', 'db-2', ['*']],
])('%s and %s fenced are %s', async ([before, instance, after]) => {
  const object = stored(before);
  await fence(kube, ref, instance);
  expect(object.current()).toMatchObject({
    metadata: { annotations: { other: 'kept', [annotations.fencedInstances]: JSON.stringify(after) } },
  });
  await expect(listFenced(kube, ref)).resolves.toEqual(after);
});

test('fencing what is fenced writes nothing', async () => {
  const object = stored('["db-2"]');
  const cluster = await fence(kube, ref, 'db-2');
  expect(object.patches).toEqual([]);
  expect(isFenced(cluster, 'db-2')).toBe(true);
  expect(isFenced(cluster, 'db-1')).toBe(false);
});

test('the annotation goes with the last name', async () => {
  stored('["db-2","db-3"]');
  await unfence(kube, ref, 'db-3');
  await expect(listFenced(kube, ref)).resolves.toEqual(['db-2']);
  const cluster = await unfence(kube, ref, 'db-2');
  expect(cluster.metadata?.annotations).toEqual({ other: 'kept' });
});

test('all but one is refused, all at once is not', async () => {
  const object = stored('["*"]');
  await expect(unfence(kube, ref, 'db-2')).rejects.toBeInstanceOf(FencingError);
  expect(object.patches).toEqual([]);
  expect(isFenced(await unfence(kube, ref, '*'), 'db-2')).toBe(false);
});

test.for(['db-2', '{"a":1}', '[1]'])('%s is no list of instances', async (value) => {
  const object = stored(value);
  await expect(fence(kube, ref, 'db-3')).rejects.toThrow(/JSON list of instance names/);
  expect(object.patches).toEqual([]);
});

test('a change by somebody else in between is not lost', async () => {
  const object = stored();
  object.beforePatch = () => {
    object.beforePatch = () => {};
    object.change({ metadata: { annotations: { [annotations.fencedInstances]: '["db-3"]' } } });
  };
  await fence(kube, ref, 'db-2');
  await expect(listFenced(kube, ref)).resolves.toEqual(['db-2', 'db-3']);
});

test('a cluster that is not there is told at once, without asking again', async () => {
  stored();
  await expect(fence(kube, { ...ref, name: 'nobody' }, 'x')).rejects.toBeInstanceOf(NotFoundError);
  expect(server.requests.filter(({ path }) => path.endsWith('/clusters/nobody'))).toHaveLength(1);
});
