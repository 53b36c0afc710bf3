import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import { storeObject } from '../../test/support/stored-object.ts';
import type { KubeClient } from '../kube/client.ts';
import { buildCluster } from './cluster-spec.ts';
import { isReplicaCluster, setReplicaMode, waitForDemotionToken } from './replica-mode.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

test.for<[follows: boolean, replica: object | undefined]>([
  [false, undefined],
  [true, { enabled: true, source: 'a', primary: 'db' }],
  [false, { enabled: false, source: 'a' }],
  [true, { primary: 'a', source: 'a' }],
  [false, { primary: 'db', source: 'a' }],
  [true, { primary: 'db', self: 'here', source: 'db' }],
])('whether a cluster follows another one: %s for %j', ([follows, replica]) => {
  const { spec, ...rest } = buildCluster({ namespace: 'team', name: 'db' });
  expect(isReplicaCluster({ ...rest, spec: { ...spec, replica } })).toBe(follows);
});

test('a cluster follows another, and hands over with a token', async () => {
  const ref = { namespace: 'team', name: 'db' };
  const object = storeObject(server, '/apis/postgresql.cnpg.io/v1/namespaces/team/clusters/db', {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: { ...ref, uid: 'u' },
    spec: { instances: 1, replica: { source: 'a' } },
    status: { demotionToken: '' },
  });
  await setReplicaMode(kube, ref, { primary: 'b', promotionToken: 'p' });
  expect(object.current()).toMatchObject({ spec: { replica: { source: 'a', primary: 'b', promotionToken: 'p' } } });
  await expect(firstState((wait) => waitForDemotionToken(kube, ref, wait))).resolves.toBe('no status yet');
  object.change({ status: { demotionToken: 'token' } });
  await expect(waitForDemotionToken(kube, ref)).resolves.toBe('token');
});
