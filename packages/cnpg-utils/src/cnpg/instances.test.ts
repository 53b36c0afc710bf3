import type { V1Pod } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import type { KubeClient } from '../kube/client.ts';
import {
  labelledPrimary,
  listReplicas,
  MultiplePrimariesError,
  NoPrimaryError,
  PrimaryTerminatingError,
} from './instances.ts';

const ref = { namespace: 'team', name: 'db' };
let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function pod(name: string, role?: string, going = false): V1Pod {
  const labels = { 'cnpg.io/podRole': 'instance', ...(role === undefined ? {} : { 'cnpg.io/instanceRole': role }) };
  const deletion = going ? { deletionTimestamp: new Date() } : {};
  return { metadata: { name, namespace: 'team', uid: name, labels, ...deletion } };
}

const serve = (...pods: V1Pod[]) => {
  serveObjects(server, { '/api/v1/namespaces/team/pods': pods });
};

test('the labelled primary, one that is going left out', async () => {
  serve(pod('db-1', 'primary', true), pod('db-2', 'primary'), pod('db-3', 'replica'));
  await expect(labelledPrimary(kube, ref)).resolves.toMatchObject({ name: 'db-2' });
});

test('none, going, and several are three different errors', async () => {
  serve(pod('db-1', 'unhealthy'), pod('db-2', 'replica'));
  await expect(labelledPrimary(kube, ref)).rejects.toBeInstanceOf(NoPrimaryError);
  serve(pod('db-1', 'primary', true), pod('db-2', 'replica'));
  await expect(labelledPrimary(kube, ref)).rejects.toBeInstanceOf(PrimaryTerminatingError);
  serve(pod('db-1', 'primary'), pod('db-2', 'primary'));
  await expect(labelledPrimary(kube, ref)).rejects.toBeInstanceOf(MultiplePrimariesError);
  await expect(labelledPrimary(kube, ref)).rejects.toThrow('db-1, db-2');
});

test('what is not primary is not yet a replica', async () => {
  serve(
    pod('db-1', 'primary'),
    pod('db-2', 'unhealthy'),
    pod('db-3'),
    pod('db-4', 'replica', true),
    pod('db-5', 'replica'),
  );
  const replicas = await listReplicas(kube, ref);
  expect(replicas.map(({ name }) => name)).toEqual(['db-5']);
});
