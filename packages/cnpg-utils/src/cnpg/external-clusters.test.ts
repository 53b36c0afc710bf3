import { expect, test } from 'vitest';
import { buildCluster } from './cluster-spec.ts';
import { importSettings, loginSource, replicaClusterSettings, streamingSource } from './external-clusters.ts';

const ref = { namespace: 'team', name: 'copy' };

test('a replica cluster follows with the certificate that the source made for its standbys', () => {
  const { spec } = buildCluster(ref, { profile: 'single', ...replicaClusterSettings(streamingSource('db')) });
  expect(spec).toMatchObject({
    bootstrap: { pg_basebackup: { source: 'db' } },
    replica: { enabled: true, source: 'db' },
    externalClusters: [
      {
        name: 'db',
        connectionParameters: { host: 'db-rw', user: 'streaming_replica', sslmode: 'verify-full' },
        sslKey: { name: 'db-replication', key: 'tls.key' },
        sslRootCert: { name: 'db-ca', key: 'ca.crt' },
      },
    ],
  });
});

test('one database is imported as its own user, several as superuser', () => {
  const one = importSettings(loginSource('old', { database: 'shop' }), { type: 'microservice', database: 'shop' });
  expect(buildCluster(ref, one).spec).toMatchObject({
    enableSuperuserAccess: false,
    bootstrap: {
      initdb: { import: { type: 'microservice', databases: ['shop'], source: { externalCluster: 'old' } } },
    },
    externalClusters: [
      { connectionParameters: { user: 'app', dbname: 'shop' }, password: { name: 'old-app', key: 'password' } },
    ],
  });
  const all = importSettings(loginSource('old', { user: 'superuser' }), {
    type: 'monolith',
    databases: ['*'],
    roles: ['*'],
  });
  expect(buildCluster(ref, all).spec).toMatchObject({
    enableSuperuserAccess: true,
    bootstrap: { initdb: { import: { type: 'monolith', databases: ['*'], roles: ['*'] } } },
    externalClusters: [
      { connectionParameters: { user: 'postgres', dbname: 'postgres' }, password: { name: 'old-superuser' } },
    ],
  });
});

const db = streamingSource('db');

test.for<[why: string, settings: Parameters<typeof buildCluster>[1], said: string]>([
  [
    'two ways to begin',
    { bootstrap: { initdb: {}, pg_basebackup: { source: 'db' } }, externalClusters: [db] },
    'bootstrap: only one',
  ],
  [
    'a copy of somebody unknown',
    { bootstrap: { pg_basebackup: { source: 'x' } }, externalClusters: [db] },
    'bootstrap.pg_basebackup.source: got "x", expected one of externalClusters: db',
  ],
  [
    'recovery from somebody unknown',
    { bootstrap: { recovery: { source: 'x' } } },
    'bootstrap.recovery.source: got "x", expected one of externalClusters: none',
  ],
  [
    'an import from somebody unknown',
    { bootstrap: importSettings(db, { type: 'microservice', database: 'a' }).bootstrap },
    'bootstrap.initdb.import.source.externalCluster: got "db"',
  ],
  [
    'following somebody unknown',
    { ...replicaClusterSettings(db), replica: { enabled: true, source: 'x' } },
    'replica.source: got "x"',
  ],
  ['two sources of one name', { externalClusters: [db, db] }, 'externalClusters: the name "db" is there twice'],
  [
    'following without a beginning',
    { replica: { enabled: true, source: 'db' }, externalClusters: [db] },
    'replica: needs bootstrap.pg_basebackup or bootstrap.recovery',
  ],
])('%s is refused by name', ([, settings, said]) => {
  expect(() => buildCluster(ref, settings)).toThrow(said);
});
