import { describe, expect, test } from 'vitest';
import type { ChaosObject, ChaosRecord } from './chaos-object.ts';
import { injectionStatus } from './injection-status.ts';

function object(
  records: Partial<ChaosRecord>[],
  more: { desiredPhase?: string; deleting?: boolean } = {},
): ChaosObject {
  return {
    apiVersion: 'chaos-mesh.org/v1alpha1',
    kind: 'PodChaos',
    metadata: { name: 'x', namespace: 'n', ...(more.deleting === true ? { deletionTimestamp: new Date() } : {}) },
    spec: {},
    status: {
      conditions: [{ type: 'AllInjected', status: 'True' }],
      experiment: {
        desiredPhase: more.desiredPhase ?? 'Run',
        containerRecords: records.map((record) => ({
          id: 'n/pg-1',
          selectorKey: '.',
          phase: 'Injected',
          injectedCount: 1,
          recoveredCount: 0,
          ...record,
        })),
      },
    },
  };
}

const failed = (message: string) => ({
  type: 'Failed',
  operation: 'Apply',
  message,
  timestamp: '2026-01-01T00:00:00Z',
});

describe('injectionStatus', () => {
  test('is injected when every expected record is', () => {
    expect(injectionStatus(object([{}]), ['n/pg-1']).state).toBe('injected');
  });

  test('does not believe the condition without records', () => {
    expect(injectionStatus(object([]), ['n/pg-1']).state).toBe('pending');
  });

  test.each([
    ['a record that waits', object([{ phase: 'Not Injected/Wait', injectedCount: 0 }])],
    ['a record that was recovered', object([{ phase: 'Not Injected', recoveredCount: 1 }])],
    ['a phase that is not run', object([{}], { desiredPhase: 'Stop' })],
  ])('is pending with %s', (_what, found) => {
    expect(injectionStatus(found, ['n/pg-1']).state).toBe('pending');
  });

  test('fails with the message of the daemon', () => {
    const found = object([{ phase: 'Not Injected', injectedCount: 0, events: [failed('qdisc not found')] }]);
    expect(injectionStatus(found, ['n/pg-1'])).toEqual({ state: 'failed', summary: 'qdisc not found' });
  });

  test('an early failure does not matter once it worked', () => {
    expect(injectionStatus(object([{ events: [failed('try again')] }]), ['n/pg-1']).state).toBe('injected');
  });

  test('fails when other pods were selected', () => {
    expect(injectionStatus(object([{ id: 'n/pg-2' }]), ['n/pg-1']).summary).toBe('selected n/pg-2 instead of n/pg-1');
    expect(injectionStatus(object([{}]), ['n/pg-1', 'n/pg-2']).state).toBe('failed');
  });

  test('fails when somebody deletes it', () => {
    expect(injectionStatus(object([{}], { deleting: true }), ['n/pg-1']).state).toBe('failed');
  });
});
