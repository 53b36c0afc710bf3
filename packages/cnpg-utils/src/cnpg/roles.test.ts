import { expect, test } from 'vitest';
import { judgeSources, type PrimarySources } from './roles.ts';

const agreed: PrimarySources = {
  currentPrimary: 'db-1',
  targetPrimary: 'db-1',
  leaseHolder: 'db-1',
  labelled: ['db-1'],
  readWriteEndpoints: ['db-1'],
  recovery: {
    'db-1': { state: 'primary', timeline: 2 },
    'db-2': { state: 'standby', timeline: 2 },
    'db-3': { state: 'standby', timeline: 2 },
  },
};

test('six sources that name the same instance agree', () => {
  expect(judgeSources(agreed)).toEqual({ agreed: 'db-1', writable: ['db-1'], disagreements: [] });
});

test.for<[string, Partial<PrimarySources>, string]>([
  [
    'another current primary',
    { currentPrimary: 'db-2' },
    'status.targetPrimary names db-1, status.currentPrimary names db-2',
  ],
  [
    'an undecided target',
    { targetPrimary: 'pending' },
    'status.targetPrimary names pending, status.currentPrimary names db-1',
  ],
  [
    'a lease that somebody else holds',
    { leaseHolder: 'db-2' },
    "the primary's lease names db-2, status.currentPrimary names db-1",
  ],
  ['a lease that nobody holds', { leaseHolder: null }, "the primary's lease names no primary"],
  ['no label', { labelled: [] }, 'the pods labelled primary names no primary'],
  ['two labels', { labelled: ['db-1', 'db-2'] }, 'the pods labelled primary names 2 primaries: db-1, db-2'],
  ['an empty service', { readWriteEndpoints: [] }, 'the -rw service names no primary'],
  [
    'a service that leads elsewhere',
    { readWriteEndpoints: ['10.0.0.9'] },
    'the -rw service names 10.0.0.9, status.currentPrimary names db-1',
  ],
  [
    'nobody out of recovery',
    { recovery: { ...agreed.recovery, 'db-1': { state: 'standby', timeline: 1 } } },
    'pg_is_in_recovery() names no primary',
  ],
  [
    'a silent standby, which might be a second primary',
    { recovery: { ...agreed.recovery, 'db-3': { state: 'unknown', why: 'timeout' } } },
    'db-3 did not say whether it is in recovery: timeout',
  ],
])('%s is a disagreement', ([, change, sentence]) => {
  const judged = judgeSources({ ...agreed, ...change });
  expect(judged.agreed).toBeUndefined();
  expect(judged.disagreements).toContain(sentence);
});

test('a cluster without a lease, as before 1.30, is not held to it', () => {
  const { leaseHolder: _, ...older } = agreed;
  expect(judgeSources(older)).toEqual({ agreed: 'db-1', writable: ['db-1'], disagreements: [] });
});

test('an instance that is down is no second primary', () => {
  const recovery = { ...agreed.recovery, 'db-3': { state: 'down', why: 'Pending' } as const };
  expect(judgeSources({ ...agreed, recovery }).agreed).toBe('db-1');
});

test('a split brain names both', () => {
  const recovery = { ...agreed.recovery, 'db-2': { state: 'primary', timeline: 3 } as const };
  expect(judgeSources({ ...agreed, recovery })).toMatchObject({
    writable: ['db-1', 'db-2'],
    disagreements: ['pg_is_in_recovery() names 2 primaries: db-1, db-2'],
  });
});

test('a cluster without any status agrees on nothing', () => {
  const judged = judgeSources({ labelled: [], readWriteEndpoints: [], recovery: {} });
  expect(judged.agreed).toBeUndefined();
  expect(judged.disagreements).toHaveLength(5);
});
