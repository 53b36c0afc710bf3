import { describe, expect, test } from 'vitest';
import type { Cluster } from '@cnpg-chaos/cnpg-utils';
import { compareIdentity } from './assert-unchanged.ts';
import { settledPrimary } from './primary.ts';
import { replicasInOrder } from './replica.ts';
import { type ResolvedTarget, TargetChangedError, TargetError } from './target.ts';

function cluster(currentPrimary?: string, targetPrimary?: string): Cluster {
  return {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    spec: { instances: 3, storage: { size: '1Gi' } },
    status: {
      ...(currentPrimary === undefined ? {} : { currentPrimary }),
      ...(targetPrimary === undefined ? {} : { targetPrimary }),
    },
  };
}

describe('settledPrimary', () => {
  test('is the current one when the target is the same', () => {
    expect(settledPrimary(cluster('pg-2', 'pg-2'))).toBe('pg-2');
  });

  test.each([
    [undefined, undefined],
    ['', ''],
    ['pg-1', 'pending'],
    ['pg-1', 'pg-2'],
    [undefined, 'pg-1'],
  ])('is unknown with current %s and target %s', (current, target) => {
    expect(() => settledPrimary(cluster(current, target))).toThrow(TargetError);
  });
});

test('replicas are counted by serial number, the primary left out', () => {
  const instances = ['pg-10', 'pg-2', 'pg-1', 'pg-3'].map((name) => ({ name }));
  expect(replicasInOrder(instances, 'pg-2').map((i) => i.name)).toEqual(['pg-1', 'pg-3', 'pg-10']);
});

describe('compareIdentity', () => {
  const target: ResolvedTarget = { kind: 'pod', role: 'primary', namespace: 'n', name: 'pg-1', uid: 'u1' };
  const pod = (uid: string, deletionTimestamp?: Date) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'pg-1', uid, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
  });

  test('accepts the same pod', () => {
    expect(() => compareIdentity(target, pod('u1'))).not.toThrow();
  });

  test.each([
    ['is gone', undefined],
    ['now has UID u2', pod('u2')],
    ['is terminating already', pod('u1', new Date())],
  ])('refuses one that %s', (message, found) => {
    expect(() => compareIdentity(target, found)).toThrow(TargetChangedError);
    expect(() => compareIdentity(target, found)).toThrow(message);
  });
});
