import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import { storeObject } from '../../test/support/stored-object.ts';
import type { KubeClient } from '../kube/client.ts';
import { ConflictError } from '../kube/errors.ts';
import { operatorLeader, primaryLease, stealPrimaryLease, waitForPrimaryLease } from './lease.ts';

const ref = { namespace: 'team', name: 'db' };
const LEASES = '/apis/coordination.k8s.io/v1/namespaces';
const LEASE = `${LEASES}/team/leases/db`;

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

const lease = (holderIdentity?: string) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {
    name: 'db',
    namespace: 'team',
    uid: 'l',
    ownerReferences: [{ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster', name: 'db', uid: 'c' }],
  },
  spec: {
    ...(holderIdentity === undefined ? {} : { holderIdentity }),
    leaseDurationSeconds: 15,
    renewTime: '2026-01-02T03:04:05.678901Z',
    leaseTransitions: 3,
  },
});

test('holder, owner, and times', async () => {
  serveObjects(server, { [LEASE]: lease('db-1') });
  await expect(primaryLease(kube, ref)).resolves.toMatchObject({
    holder: 'db-1',
    durationSeconds: 15,
    transitions: 3,
    owners: ['Cluster/db'],
    renewedAt: new Date('2026-01-02T03:04:05.678Z'),
  });
});

test('a released lease has no holder, and before 1.30 there is none', async () => {
  serveObjects(server, { [LEASE]: lease('') });
  expect(await primaryLease(kube, ref)).not.toHaveProperty('holder');
  serveObjects(server, {});
  await expect(primaryLease(kube, ref)).resolves.toBeUndefined();
});

test('waiting for a holder tells the last one', async () => {
  serveObjects(server, { [LEASE]: lease('db-1') });
  await expect(firstState((wait) => waitForPrimaryLease(kube, ref, 'db-2', wait))).resolves.toBe('held by db-1');
  serveObjects(server, { [LEASE]: lease('') });
  await expect(firstState((wait) => waitForPrimaryLease(kube, ref, 'db-2', wait))).resolves.toBe('held by nobody');
  serveObjects(server, { [LEASE]: lease('db-2') });
  await expect(waitForPrimaryLease(kube, ref, (holder) => holder !== 'db-1')).resolves.toMatchObject({
    holder: 'db-2',
  });
});

test('a lease that is renewed in between is not stolen, and nothing is tried again', async () => {
  const object = storeObject(server, LEASE, lease('db-1'));
  object.beforePatch = () => {
    object.beforePatch = () => {};
    object.change({ spec: { renewTime: '2026-01-02T03:04:07.678901Z' } });
  };
  await expect(stealPrimaryLease(kube, ref, 'nobody')).rejects.toBeInstanceOf(ConflictError);
  expect(object.current()).toMatchObject({ spec: { holderIdentity: 'db-1' } });
  await stealPrimaryLease(kube, ref, 'nobody');
  expect(object.current()).toMatchObject({ spec: { holderIdentity: 'nobody', leaseTransitions: 4 } });
});

test('the pod that leads the operator', async () => {
  const path = `${LEASES}/cnpg-system/leases/db9c8771.cnpg.io`;
  serveObjects(server, { [path]: lease('cnpg-controller-manager-5d_x-1_0b1f') });
  await expect(operatorLeader(kube, { namespace: 'cnpg-system' })).resolves.toEqual({
    pod: 'cnpg-controller-manager-5d_x-1',
    identity: 'cnpg-controller-manager-5d_x-1_0b1f',
    transitions: 3,
  });
  serveObjects(server, { [path]: lease('') });
  await expect(operatorLeader(kube, { namespace: 'cnpg-system' })).resolves.toBeUndefined();
});
