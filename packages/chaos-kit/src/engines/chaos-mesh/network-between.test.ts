import { describe, expect, test } from 'vitest';
import { neverKube } from '../../../test/fakes/fake-engine.ts';
import type { EndpointTarget, PodTarget } from '../../targets/target.ts';
import type { PlanContext } from '../engine.ts';
import { networkBetween } from './network-between.ts';

const context: PlanContext = {
  kube: neverKube,
  cluster: { namespace: 'team', name: 'pg' },
  operatorNamespace: 'cnpg-system',
  chaosMesh: { namespace: 'chaos-mesh' },
  faultId: 'partition-1a2b3c4d',
  labels: {},
  ttlMs: 60_000,
};

const pod = (name: string, side: 'from' | 'to'): PodTarget => ({
  kind: 'pod',
  role: name,
  namespace: 'team',
  name,
  uid: name,
  side,
});
const endpoint = (addresses: string[], side: 'from' | 'to'): EndpointTarget => ({
  kind: 'endpoint',
  role: 'API server',
  name: 'API server',
  uid: addresses.join(),
  addresses,
  side,
});
const cut = { kind: 'partition' } as const;
const primary = pod('pg-1', 'from');
const replicas = [pod('pg-2', 'to'), pod('pg-3', 'to')];
const api = endpoint(['10.96.0.1', '172.31.0.10'], 'to');

describe('networkBetween', () => {
  test('pods alone are one object', () => {
    const action = networkBetween(cut, [primary, ...replicas], false);
    expect(action.summary).toBe('NetworkChaos partition: team/pg-1 ↔ team/pg-2, team/pg-3');
    expect(action.plan(context).undo.map(({ data }) => data['name'])).toEqual(['partition-1a2b3c4d']);
  });

  test('pods and addresses are two, so that the pods keep the addresses', () => {
    const action = networkBetween(cut, [primary, ...replicas, api], false);
    expect(action.summary).toBe(
      'NetworkChaos partition: team/pg-1 ↔ team/pg-2, team/pg-3 and NetworkChaos partition: team/pg-1 ↔ 10.96.0.1, 172.31.0.10',
    );
    expect(action.plan(context).undo.map(({ data }) => [data['name'], data['pods']])).toEqual([
      ['partition-1a2b3c4d-1', ['team/pg-1', 'team/pg-2', 'team/pg-3']],
      ['partition-1a2b3c4d-2', ['team/pg-1']],
    ]);
  });

  test('one way is seen from the side that is a pod', () => {
    expect(networkBetween(cut, [primary, ...replicas], true).summary).toContain('team/pg-1 → team/pg-2');
    const clients = endpoint(['172.31.0.1'], 'from');
    expect(networkBetween(cut, [clients, pod('pg-1', 'to')], true).summary).toBe(
      'NetworkChaos partition: team/pg-1 ← 172.31.0.1',
    );
  });

  test('everybody is no list of addresses', () => {
    const everybody = endpoint(['0.0.0.0/0', '::/0'], 'to');
    expect(networkBetween(cut, [primary, everybody], false).summary).toBe(
      'NetworkChaos partition: team/pg-1 ↔ everybody',
    );
  });

  test('is refused when no side is a pod', () => {
    const clients = endpoint(['172.31.0.1'], 'from');
    expect(() => networkBetween(cut, [clients, api], false)).toThrow(
      'it works inside of pods, and neither side has one',
    );
  });
});
