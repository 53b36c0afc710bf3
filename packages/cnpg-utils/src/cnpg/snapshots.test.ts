import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply } from '../../test/support/fake-api-server.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { buildCluster } from './cluster-spec.ts';
import {
  defaultSnapshotClass,
  listSnapshots,
  snapshotBackupSettings,
  snapshotRecoverySettings,
  SnapshotsNotInstalledError,
} from './snapshots.ts';

const GROUP = '/apis/snapshot.storage.k8s.io/v1';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function snapshot(name: string, role: string, status: object) {
  const labels = { 'cnpg.io/cluster': 'db', 'cnpg.io/backupName': 'b' };
  return { metadata: { name, uid: `uid-${name}`, labels, annotations: { 'cnpg.io/pvcRole': role } }, status };
}

test('the snapshots of a backup, and a cluster that begins from them', async () => {
  const resources = [
    { kind: 'VolumeSnapshot', name: 'volumesnapshots', namespaced: true },
    { kind: 'VolumeSnapshotClass', name: 'volumesnapshotclasses', namespaced: false },
  ];
  serveObjects(server, {
    [GROUP]: { resources } as object,
    [`${GROUP}/namespaces/team/volumesnapshots`]: [
      snapshot('data', 'PG_DATA', { readyToUse: true }),
      snapshot('wal', 'PG_WAL', { readyToUse: false, error: { message: 'no space' } }),
    ],
    [`${GROUP}/volumesnapshotclasses`]: [
      { metadata: { name: 'slow' } },
      { metadata: { name: 'fast', annotations: { 'snapshot.storage.kubernetes.io/is-default-class': 'true' } } },
    ],
  });
  const found = await listSnapshots(kube, { namespace: 'team', cluster: 'db', backup: 'b' });
  expect(server.requests.at(-1)?.query.get('labelSelector')).toBe('cnpg.io/cluster=db,cnpg.io/backupName=b');
  expect(found).toEqual([
    { name: 'data', uid: 'uid-data', ready: true, role: 'PG_DATA', backup: 'b', cluster: 'db' },
    { name: 'wal', uid: 'uid-wal', ready: false, role: 'PG_WAL', backup: 'b', cluster: 'db', error: 'no space' },
  ]);
  const reference = { kind: 'VolumeSnapshot', apiGroup: 'snapshot.storage.k8s.io' };
  expect(buildCluster({ name: 'new' }, snapshotRecoverySettings(found)).spec.bootstrap).toEqual({
    recovery: {
      volumeSnapshots: { storage: { name: 'data', ...reference }, walStorage: { name: 'wal', ...reference } },
    },
  });
  expect(() => snapshotRecoverySettings(found.slice(1))).toThrow('no snapshot of a data volume (PG_DATA) among: wal');
  await expect(defaultSnapshotClass(kube)).resolves.toBe('fast');
  expect(buildCluster({ name: 'db' }, snapshotBackupSettings('fast')).spec['backup']).toEqual({
    volumeSnapshot: { className: 'fast' },
  });
});

test('a server without snapshots says what to install', async () => {
  server.handler = (_request, response) => {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
  };
  await expect(listSnapshots(kube, { namespace: 'team' })).rejects.toBeInstanceOf(SnapshotsNotInstalledError);
  await expect(defaultSnapshotClass(kube)).rejects.toThrow('install their CRDs');
  server.handler = (_request, response) => reply(response, 500, {});
  await expect(defaultSnapshotClass(kube)).rejects.not.toBeInstanceOf(SnapshotsNotInstalledError);
});
