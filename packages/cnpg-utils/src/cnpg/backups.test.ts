import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply } from '../../test/support/fake-api-server.ts';
import { firstState } from '../../test/support/first-state.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { BackupFailedError, createBackup, createScheduledBackup, listBackups, waitForBackup } from './backups.ts';
import { createPooler, pausePooler, waitForPooler } from './poolers.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

const ref = { namespace: 'team', name: 'b1' };
const BASE = '/apis/postgresql.cnpg.io/v1/namespaces/team';
const sent = () => server.requests.map(({ body }) => (body === '' ? undefined : (JSON.parse(body) as unknown)));
const echo = () => {
  server.handler = (request, response) => {
    reply(response, 200, request.body === '' ? {} : JSON.parse(request.body));
  };
};

const backup = (cluster: string, status: object) => ({
  apiVersion: 'postgresql.cnpg.io/v1',
  kind: 'Backup',
  metadata: { ...ref, uid: 'u' },
  spec: { cluster: { name: cluster } },
  status,
});

test('by a plugin, and by snapshots', async () => {
  echo();
  const method = { plugin: 'barman-cloud.cloudnative-pg.io', parameters: { a: 'b' } };
  await expect(createBackup(kube, ref, { cluster: 'db', method })).resolves.toMatchObject({
    cluster: 'db',
    status: {},
  });
  await createBackup(kube, ref, { cluster: 'db', method: 'volumeSnapshot', target: 'primary', online: false });
  expect(sent()).toMatchObject([
    {
      kind: 'Backup',
      spec: {
        method: 'plugin',
        pluginConfiguration: { name: 'barman-cloud.cloudnative-pg.io', parameters: { a: 'b' } },
      },
    },
    { spec: { cluster: { name: 'db' }, method: 'volumeSnapshot', target: 'primary', online: false } },
  ]);
});

test('a backup is waited for; a failed one is an error at once, with what was said', async () => {
  serveObjects(server, { [`${BASE}/backups/b1`]: backup('db', { phase: 'walArchivingFailing', error: 'no space' }) });
  await expect(firstState((wait) => waitForBackup(kube, ref, wait))).resolves.toBe('walArchivingFailing: no space');
  serveObjects(server, {
    [`${BASE}/backups/b1`]: backup('db', { phase: 'failed', error: 'gone', commandError: 'exit 1' }),
  });
  await expect(waitForBackup(kube, ref)).rejects.toBeInstanceOf(BackupFailedError);
  await expect(waitForBackup(kube, ref)).rejects.toThrow('Backup team/b1 of db: failed: gone: exit 1');
  serveObjects(server, { [`${BASE}/backups/b1`]: backup('db', { phase: 'completed', beginLSN: '0/1', ofLater: 1 }) });
  await expect(waitForBackup(kube, ref)).resolves.toMatchObject({ status: { beginLSN: '0/1', ofLater: 1 } });
});

test('those of one cluster', async () => {
  serveObjects(server, { [`${BASE}/backups`]: [backup('db', {}), backup('other', {})] });
  await expect(listBackups(kube, { namespace: 'team', cluster: 'db' })).resolves.toHaveLength(1);
  await expect(listBackups(kube, { namespace: 'team' })).resolves.toHaveLength(2);
});

test('a pooler is ready with as many pods as it should have, and no others', async () => {
  echo();
  await createPooler(kube, ref, { cluster: 'db', instances: 2, poolMode: 'transaction' });
  await pausePooler(kube, ref, true);
  expect(sent()).toMatchObject([
    {
      kind: 'Pooler',
      spec: { cluster: { name: 'db' }, type: 'rw', instances: 2, pgbouncer: { poolMode: 'transaction' } },
    },
    { spec: { pgbouncer: { paused: true } } },
  ]);
  const pod = (name: string, going = false) => ({
    metadata: { name, ...(going ? { deletionTimestamp: new Date() } : {}) },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  const pooler = { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Pooler', metadata: ref, spec: { instances: 2 } };
  const serve = (...pods: object[]) => {
    serveObjects(server, { [`${BASE}/poolers/b1`]: pooler, '/api/v1/namespaces/team/pods': pods });
  };
  serve(pod('a'), pod('b', true), pod('c'));
  await expect(firstState((wait) => waitForPooler(kube, ref, wait))).resolves.toContain('2 of 2 ready, 3 there');
  serve();
  await expect(firstState((wait) => waitForPooler(kube, ref, wait))).resolves.toContain('0 of 2 ready');
  serve(pod('a'), pod('c'));
  await expect(waitForPooler(kube, ref)).resolves.toHaveLength(2);
});

test('a plan is a request with a time', async () => {
  server.handler = (request, response) => reply(response, 201, JSON.parse(request.body));
  const plan = { cluster: 'db', method: { plugin: 'p' }, schedule: '0 0 3 * * *', immediate: true } as const;
  await createScheduledBackup(kube, { namespace: 'team', name: 'nightly' }, plan);
  const request = server.requests.at(-1);
  expect(request?.path).toBe('/apis/postgresql.cnpg.io/v1/namespaces/team/scheduledbackups');
  expect(JSON.parse(request?.body ?? '')).toMatchObject({
    kind: 'ScheduledBackup',
    metadata: { name: 'nightly' },
    spec: {
      cluster: { name: 'db' },
      method: 'plugin',
      pluginConfiguration: { name: 'p' },
      schedule: '0 0 3 * * *',
      immediate: true,
    },
  });
});
