import { expect, test } from 'vitest';
import { parseManifests } from '../kube/yaml.ts';
import { checkCluster } from './schemas.ts';
import {
  buildCluster,
  clusterProfiles,
  clusterYaml,
  InvalidClusterSpecError,
  type ClusterProfileName,
  type ClusterSettings,
} from './cluster-spec.ts';

const db = { namespace: 'team', name: 'db' };
const names = Object.keys(clusterProfiles) as ClusterProfileName[];

test('a shape with a change, and nothing that was not asked for', () => {
  expect(buildCluster(db, { profile: 'sync', instances: 5, walStorage: { size: '512Mi' } })).toEqual({
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: db,
    spec: {
      instances: 5,
      storage: { size: '2Gi' },
      walStorage: { size: '512Mi' },
      enableSuperuserAccess: false,
      bootstrap: { initdb: { dataChecksums: true } },
      affinity: {
        enablePodAntiAffinity: true,
        podAntiAffinityType: 'preferred',
        topologyKey: 'topology.kubernetes.io/zone',
      },
      postgresql: {
        parameters: { max_connections: '200' },
        synchronous: { method: 'any', number: 1, dataDurability: 'required', failoverQuorum: true },
      },
    },
  });
});

test('parameters add to those of the shape; a change does not change the shape', () => {
  const { spec } = buildCluster(db, { parameters: { work_mem: '8MB' }, replicationSlots: { highAvailability: false } });
  expect(spec.postgresql?.parameters).toEqual({ max_connections: '200', work_mem: '8MB' });
  expect(spec['replicationSlots']).toEqual({ highAvailability: { enabled: false } });
  expect(buildCluster(db).spec.postgresql?.parameters).toEqual({ max_connections: '200' });
});

test.for(names)('%s is valid, and survives being written as YAML', (profile) => {
  const cluster = buildCluster(db, { profile });
  expect(parseManifests(clusterYaml(cluster))).toEqual([cluster]);
  expect(checkCluster({ ...cluster, metadata: { ...db, uid: 'u' } }).spec.instances).toBeGreaterThan(0);
});

const sync = clusterProfiles.sync.synchronous;

test.for<[why: string, settings: ClusterSettings, said: string]>([
  ['too few instances', { profile: 'sync', instances: 1 }, 'synchronous.number: must be less than the instances'],
  ['no instances', { instances: 0 }, 'instances: '],
  ['half an instance', { instances: 1.5 }, 'instances: '],
  ['a size without a unit that is known', { storage: { size: '1 GB' } }, 'storage.size: expected a quantity'],
  ['no size', { storage: { size: '0Gi' } }, 'storage.size: expected more than nothing'],
  ['an image without a tag', { imageName: 'registry:5000/postgresql' }, 'imageName: expected a tag or a digest'],
  ['a parameter of the operator', { parameters: { ssl: 'off' } }, 'parameters.ssl: is set by CloudNativePG itself'],
  [
    'a polite stop that is too short',
    { stopDelay: 60 },
    'smartShutdownTimeout: must be less than stopDelay: 180 against 60',
  ],
  [
    'a quorum that allows nothing',
    { synchronous: { ...sync, standbyNamesPre: ['elsewhere'] } },
    'synchronous.number: must be more than the 1 other standby names',
  ],
  [
    'preferred with names of others',
    { synchronous: { method: 'any', number: 1, dataDurability: 'preferred', standbyNamesPost: ['elsewhere'] } },
    '"preferred" allows no other standby names',
  ],
  [
    'a lease that is shorter than its renewal',
    { primaryLease: { leaseDurationSeconds: 10 } },
    'primaryLease.leaseDurationSeconds: must be more than renewDeadlineSeconds: 10 against 10',
  ],
  [
    'a renewal with too few tries',
    { primaryLease: { renewDeadlineSeconds: 6, retryPeriodSeconds: 5 } },
    'primaryLease.renewDeadlineSeconds: must be more than 1.2 times retryPeriodSeconds: 6 against 1.2 × 5',
  ],
])('%s is refused by name', ([, settings, said]) => {
  expect(() => buildCluster(db, settings)).toThrow(InvalidClusterSpecError);
  expect(() => buildCluster(db, settings)).toThrow(said);
});

test.for(['', 'Upper', '1st', 'a-', 'a_b', 'a'.repeat(51)])('%j is no name for a cluster', (name) => {
  expect(() => buildCluster({ name })).toThrow('metadata.name: got');
  expect(buildCluster({ name: 'a'.repeat(50) }).metadata?.name).toHaveLength(50);
});

test('what nobody knows, and several things at once', () => {
  expect(() => buildCluster(db, { profile: 'fast' as 'sync' })).toThrow('expected one of sync, tuned, async');
  expect(() => buildCluster(db, { instance: 3 } as ClusterSettings)).toThrow('Unrecognized key: "instance"');
  expect(() => buildCluster({ name: 'X' }, { instances: 0, parameters: { port: '1' } })).toThrow(
    /metadata\.name.*\ninstances: .*\nparameters\.port/,
  );
});
