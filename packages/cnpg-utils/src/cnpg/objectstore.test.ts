import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply } from '../../test/support/fake-api-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { buildCluster } from './cluster-spec.ts';
import {
  archivingSettings,
  BarmanCloudNotInstalledError,
  createObjectStore,
  createObjectStoreSecret,
  objectStore,
  recoverySettings,
} from './objectstore.ts';

const ref = { namespace: 'team', name: 'store' };

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

test('a store, its secret, a cluster that archives there and one that begins from there fit together', async () => {
  server.handler = (request, response) => reply(response, 201, JSON.parse(request.body));
  await createObjectStoreSecret(kube, { ...ref, name: 'keys' }, 'id', 'secret');
  expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({
    kind: 'Secret',
    metadata: { name: 'keys' },
    stringData: { ID: 'id', KEY: 'secret' },
  });
  const store = objectStore(ref, {
    destinationPath: 's3://backups/',
    endpointURL: 'https://store:9000',
    endpointCA: { name: 'ca', key: 'ca.crt' },
    credentials: 'keys',
    retentionPolicy: '30d',
    wal: { compression: 'gzip' },
  });
  expect(store).toEqual({
    apiVersion: 'barmancloud.cnpg.io/v1',
    kind: 'ObjectStore',
    metadata: ref,
    spec: {
      retentionPolicy: '30d',
      configuration: {
        destinationPath: 's3://backups/',
        endpointURL: 'https://store:9000',
        endpointCA: { name: 'ca', key: 'ca.crt' },
        s3Credentials: {
          accessKeyId: { name: 'keys', key: 'ID' },
          secretAccessKey: { name: 'keys', key: 'KEY' },
        },
        wal: { compression: 'gzip' },
      },
    },
  });
  expect(buildCluster({ name: 'db' }, archivingSettings('store')).spec['plugins']).toEqual([
    { name: 'barman-cloud.cloudnative-pg.io', isWALArchiver: true, parameters: { barmanObjectName: 'store' } },
  ]);
  const target = { targetTime: '2026-01-02T03:04:05Z' };
  const { spec } = buildCluster({ name: 'new' }, recoverySettings('store', 'db', { target }));
  expect(spec.bootstrap).toEqual({ recovery: { source: 'db', recoveryTarget: target } });
  expect(spec['externalClusters']).toEqual([
    {
      name: 'db',
      plugin: {
        name: 'barman-cloud.cloudnative-pg.io',
        parameters: { barmanObjectName: 'store', serverName: 'db' },
      },
    },
  ]);
});

test('a store is created where the plugin is; where it is not, that is its own error', async () => {
  const settings = { destinationPath: 's3://backups/', credentials: 'keys' };
  // The API server's answer for a group that it does not know.
  server.handler = (_request, response) => {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
  };
  const error: unknown = await createObjectStore(kube, ref, settings).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(BarmanCloudNotInstalledError);
  expect(String(error)).toContain('apply the manifest of the plugin');
  server.handler = (request, response) => {
    if (request.method === 'POST') reply(response, 201, JSON.parse(request.body));
    else reply(response, 200, { resources: [{ kind: 'ObjectStore', name: 'objectstores', namespaced: true }] });
  };
  await createObjectStore(kube, ref, settings);
  const sent = server.requests.at(-1);
  expect(sent?.path).toBe('/apis/barmancloud.cnpg.io/v1/namespaces/team/objectstores');
  expect(JSON.parse(sent?.body ?? '')).toEqual(objectStore(ref, settings));
});
