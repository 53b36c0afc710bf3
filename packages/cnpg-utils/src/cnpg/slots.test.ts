import { expect, test } from 'vitest';
import { expectedSlots, judgeAlignment, judgeSlots, type ReplicationSlot } from './slots.ts';
import type { Cluster } from './types.ts';

function cluster(highAvailability?: object, status: Cluster['status'] = {}): Cluster {
  return {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: { name: 'my-db', namespace: 'team' },
    spec: {
      instances: 3,
      storage: { size: '1Gi' },
      ...(highAvailability === undefined ? {} : { replicationSlots: { highAvailability } }),
    },
    status: { currentPrimary: 'my-db-1', instanceNames: ['my-db-1', 'my-db-2', 'my-db-3'], ...status },
  };
}

const slot = (name: string, more: Partial<ReplicationSlot> = {}): ReplicationSlot => ({
  name,
  active: true,
  restartLsn: '0/1',
  walStatus: 'reserved',
  ...more,
});

test('the primary has one for each standby, a standby those of the others', () => {
  expect(expectedSlots(cluster(), 'my-db-1')).toEqual(['_cnpg_my_db_2', '_cnpg_my_db_3']);
  expect(expectedSlots(cluster(), 'my-db-2')).toEqual(['_cnpg_my_db_3']);
  expect(expectedSlots(cluster({ slotPrefix: 'x_' }), 'my-db-2')).toEqual(['x_my_db_3']);
  expect(expectedSlots(cluster({ enabled: false }), 'my-db-1')).toEqual([]);
});

test('exactly these are right; slots of others are nobody’s business', () => {
  const right = [slot('_cnpg_my_db_2'), slot('_cnpg_my_db_3'), slot('a_client')];
  expect(judgeSlots(cluster(), 'my-db-1', right)).toEqual([]);
  expect(judgeSlots(cluster(), 'my-db-2', [slot('_cnpg_my_db_3', { active: false })])).toEqual([]);
});

test('no slots at all are wrong', () => {
  expect(judgeSlots(cluster(), 'my-db-1', [])).toEqual(['my-db-1 lacks _cnpg_my_db_2, _cnpg_my_db_3']);
});

test('too many, unused and empty ones are named', () => {
  const slots = [
    slot('_cnpg_my_db_2', { active: false }),
    slot('_cnpg_my_db_3', { restartLsn: null }),
    slot('_cnpg_my_db_4'),
  ];
  expect(judgeSlots(cluster(), 'my-db-1', slots)).toEqual([
    'my-db-1 has _cnpg_my_db_4 in vain',
    'my-db-1: nobody uses _cnpg_my_db_2',
    'my-db-1: _cnpg_my_db_3 hold no position',
  ]);
});

test('aligned are slots at one position everywhere; none at all are not', () => {
  const at = (restartLsn: string | null) => slot('_cnpg_my_db_3', { restartLsn });
  const both = { 'my-db-1': [at('0/5'), slot('a_client', { restartLsn: '0/1' })], 'my-db-2': [at('0/5')] };
  expect(judgeAlignment(cluster(), both)).toEqual([]);
  expect(judgeAlignment(cluster(), { ...both, 'my-db-2': [at('0/4')] })).toEqual([
    'at 0/5: _cnpg_my_db_3 of my-db-1',
    'at 0/4: _cnpg_my_db_3 of my-db-2',
  ]);
  expect(judgeAlignment(cluster(), { 'my-db-1': [slot('a_client')] })).toEqual(['there are no slots to compare']);
});
