import { expect, test } from 'vitest';
import { parseInstanceStatus } from './proxy.ts';
import { checkCluster, UnexpectedClusterError } from './schemas.ts';

// Taken from the Go types of each version: what one of them added, or writes in another way than the others.
const common = {
  instances: 3,
  readyInstances: 3,
  phase: 'Cluster in healthy state',
  currentPrimary: 'db-1',
  targetPrimary: 'db-1',
  timelineID: 1,
  topology: { instances: { 'db-1': {} }, nodesUsed: 3, successfullyExtracted: true },
};
const statuses = {
  '1.28': { ...common, conditions: [{ type: 'ContinuousArchiving', status: 'True' }], instanceNames: null },
  '1.29': { ...common, podSelectorRefs: [{ name: 'apps', ips: ['10.0.0.7'] }] },
  '1.30': {
    ...common,
    operatorCertificateFingerprint: 'ab12',
    conditions: [{ type: 'Initialized', status: 'True', reason: 'BootstrapCompleted' }],
  },
  '1.31': {
    ...common,
    topology: { ...common.topology, instances: { 'db-1': { failureDomain: 'a' } } },
    conditions: [
      { type: 'SyncReplicationTopologySatisfied', status: 'False', reason: 'InsufficientCrossDomainReplicas' },
    ],
  },
};

test.for(Object.entries(statuses))('the status of a cluster of %s is taken as it is', ([, status]) => {
  const cluster = {
    metadata: { name: 'db', namespace: 'team', uid: 'u' },
    spec: { instances: 3, storage: { size: '1Gi' }, ofThisVersion: { only: true } },
    status,
  };
  expect(checkCluster(structuredClone(cluster))).toEqual(cluster);
});

test('a status whose meaning changed is refused, naming each field', () => {
  const metadata = { name: 'db', namespace: 'team', uid: 'u' };
  const check = () =>
    checkCluster({ metadata, spec: {}, status: { currentPrimary: { name: 'db-1' }, timelineID: '1' } });
  expect(check).toThrow(UnexpectedClusterError);
  expect(check).toThrow('status.currentPrimary');
  expect(check).toThrow('status.timelineID');
});

const told = {
  isPrimary: false,
  systemID: '1',
  replayPaused: false,
  isWalReceiverActive: true,
  instanceManagerVersion: '1.28.0',
};

test.for<[version: string, answer: object]>([
  ['1.28', { ...told, pod: null, replicationInfo: null, totalInstanceSize: '40 MB' }],
  [
    '1.29',
    { ...told, pod: { metadata: { name: 'db-2' } }, replicationSlotsInfo: [{ slotName: '_cnpg_db_3', active: false }] },
  ],
  [
    '1.30',
    { ...told, pod: { metadata: { name: 'db-2' } }, mightBeUnavailable: true, mightBeUnavailableMaskedError: 'busy' },
  ],
  ['1.31', { ...told, pod: { metadata: { name: 'db-2' } }, sessionID: 's', failureDomain: 'a' }],
])('the answer of an instance manager of %s is taken as it is', ([, answer]) => {
  expect(parseInstanceStatus(JSON.stringify(answer), 'db-2')).toEqual(answer);
});
