import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import { storeObject } from '../../test/support/stored-object.ts';
import type { KubeClient } from '../kube/client.ts';
import { BeingDeletedError, HOLD_FINALIZER, removeFinalizers } from '../kube/hold.ts';
import { defaultStorageClass, holdVolume, listVolumes, releaseVolume, waitForVolumesReplaced } from './storage.ts';

const ref = { namespace: 'team', name: 'db' };
const CLAIMS = '/api/v1/namespaces/team/persistentvolumeclaims';
const volume = { namespace: 'team', name: 'db-2-wal' };

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function claim(name: string, uid: string, metadata: object = {}) {
  const labels = { 'cnpg.io/instanceName': 'db-2', 'cnpg.io/pvcRole': name.endsWith('-wal') ? 'PG_WAL' : 'PG_DATA' };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace: 'team', ...metadata, name, uid, labels },
    spec: { storageClassName: 'lab', volumeName: 'pv', resources: { requests: { storage: '1Gi' } } },
    status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  };
}

test('volumes of one instance, as one request', async () => {
  serveObjects(server, { [CLAIMS]: [claim('db-2-wal', 'w'), claim('db-2', 'd')] });
  await expect(listVolumes(kube, ref, { instance: 'db-2' })).resolves.toMatchObject([
    { name: 'db-2', role: 'PG_DATA', uid: 'd', requested: '1Gi', phase: 'Bound', terminating: false },
    { name: 'db-2-wal', role: 'PG_WAL', instance: 'db-2', volume: 'pv' },
  ]);
  expect(server.requests[0]?.query.get('labelSelector')).toBe('cnpg.io/cluster=db,cnpg.io/instanceName=db-2');
});

test('replaced means the same names with other UIDs', async () => {
  serveObjects(server, { [CLAIMS]: [claim('db-2', 'd'), claim('db-2-wal', 'w')] });
  const before = await listVolumes(kube, ref);
  await expect(firstState((wait) => waitForVolumesReplaced(kube, ref, before, wait))).resolves.toBe(
    'not replaced: db-2 (still there), db-2-wal (still there)',
  );
  const going = claim('db-2-wal', 'w', { deletionTimestamp: '2026-01-01T00:00:00Z' });
  serveObjects(server, { [CLAIMS]: [claim('db-2', 'new'), going, claim('db-4', 'x')] });
  await expect(firstState((wait) => waitForVolumesReplaced(kube, ref, before, wait))).resolves.toBe(
    'not replaced: db-2-wal (still there, being deleted)',
  );
  serveObjects(server, { [CLAIMS]: [claim('db-2', 'new'), claim('db-2-wal', 'new2')] });
  const now = await waitForVolumesReplaced(kube, ref, before);
  expect(now.map(({ uid }) => uid)).toEqual(['new', 'new2']);
});

test('waiting for no volumes is an error, not a success', async () => {
  await expect(waitForVolumesReplaced(kube, ref, [])).rejects.toThrow('nothing to wait for');
});

test('a volume is held once and released once, and other finalizers stay', async () => {
  const object = storeObject(
    server,
    `${CLAIMS}/db-2-wal`,
    claim('db-2-wal', 'w', { finalizers: ['kubernetes.io/pvc-protection'] }),
  );
  await expect(holdVolume(kube, volume)).resolves.toBe(true);
  await expect(holdVolume(kube, volume)).resolves.toBe(false);
  expect(object.current()).toMatchObject({
    metadata: { finalizers: ['kubernetes.io/pvc-protection', HOLD_FINALIZER] },
  });
  await expect(releaseVolume(kube, volume)).resolves.toBe(true);
  await expect(releaseVolume(kube, volume)).resolves.toBe(false);
  expect(object.current()).toMatchObject({ metadata: { finalizers: ['kubernetes.io/pvc-protection'] } });
});

test('what is being deleted cannot be held; what is gone need not be released', async () => {
  const going = claim('db-2-wal', 'w', { deletionTimestamp: '2026-01-01T00:00:00Z' });
  serveObjects(server, { [`${CLAIMS}/db-2-wal`]: going });
  await expect(holdVolume(kube, volume)).rejects.toBeInstanceOf(BeingDeletedError);
  serveObjects(server, {});
  await expect(releaseVolume(kube, volume)).resolves.toBe(false);
  const ref = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...volume };
  await expect(removeFinalizers(kube, ref, () => true)).resolves.toBe(false);
});

test('the default storage class', async () => {
  const of = (name: string, value: string) => ({
    metadata: { name, annotations: { 'storageclass.kubernetes.io/is-default-class': value } },
  });
  const path = '/apis/storage.k8s.io/v1/storageclasses';
  // Having the annotation is not enough.
  serveObjects(server, { [path]: [of('a', 'false'), of('b', 'true')] });
  await expect(defaultStorageClass(kube)).resolves.toBe('b');
  serveObjects(server, { [path]: [of('a', 'false')] });
  await expect(defaultStorageClass(kube)).resolves.toBeUndefined();
});
