import { describe, expect, test } from 'vitest';
import {
  blindWithin,
  type ClusterSample,
  countPromotions,
  detectedAt,
  healthyPhase,
  promotedAt,
} from './cluster-sample.ts';

function sample(atMs: number, more: Partial<ClusterSample> = {}): ClusterSample {
  return {
    atMs,
    phase: healthyPhase,
    currentPrimary: 'pg-1',
    targetPrimary: 'pg-1',
    timelineId: 1,
    readyInstances: 3,
    ...more,
  };
}

/** A failover as the operator shows it. */
const failover = [
  sample(0),
  sample(100, { readyInstances: 2 }),
  sample(200, { phase: 'Failing over', targetPrimary: 'pending', readyInstances: 2 }),
  sample(300, { phase: 'Failing over', targetPrimary: 'pg-2', readyInstances: 2 }),
  sample(900, { phase: 'Failing over', targetPrimary: 'pg-2', currentPrimary: 'pg-2', readyInstances: 2 }),
  sample(1000, {
    phase: 'Failing over',
    targetPrimary: 'pg-2',
    currentPrimary: 'pg-2',
    timelineId: 2,
    readyInstances: 2,
  }),
  sample(2000, { targetPrimary: 'pg-2', currentPrimary: 'pg-2', timelineId: 2 }),
];

describe('countPromotions', () => {
  test('a failover is one, though primary and timeline both change', () => {
    expect(countPromotions(failover, 50, 3000)).toBe(1);
  });

  test('nothing is none', () => {
    expect(countPromotions([sample(0), sample(100, { readyInstances: 2 }), sample(200)], 50, 3000)).toBe(0);
  });

  test('there and back is two', () => {
    const back = [...failover, sample(2500, { timelineId: 3 })];
    expect(countPromotions(back, 50, 3000)).toBe(2);
  });

  test('the same instance promoted again shows in the timeline alone', () => {
    expect(countPromotions([sample(0), sample(100, { timelineId: 2 })], 50, 3000)).toBe(1);
  });

  test('a target that flaps is no promotion', () => {
    const flap = [sample(0), sample(100, { targetPrimary: 'pg-2' }), sample(200)];
    expect(countPromotions(flap, 50, 3000)).toBe(0);
  });

  test('what happened before or after the window does not count', () => {
    expect(countPromotions(failover, 950, 990)).toBe(0);
    expect(countPromotions(failover, 1500, 3000)).toBe(0);
  });

  test('a status that is empty for a moment is not a change', () => {
    const gap = [sample(0), sample(100, { currentPrimary: '', timelineId: undefined }), sample(200)];
    expect(countPromotions(gap, 50, 3000)).toBe(0);
  });
});

describe('detectedAt', () => {
  test('is the first change of target or phase, not of readiness', () => {
    expect(detectedAt(failover, 50)).toBe(200);
  });

  test('is unknown when nothing changed', () => {
    expect(detectedAt([sample(0), sample(100, { readyInstances: 2 })], 50)).toBeUndefined();
  });
});

test('promotedAt is when another instance reports itself', () => {
  expect(promotedAt(failover, 50)).toBe(900);
  expect(promotedAt([sample(0)], 50)).toBeUndefined();
});

test('blindWithin keeps what overlaps', () => {
  const blind = [
    { fromMs: 0, toMs: 10 },
    { fromMs: 5, toMs: 60 },
    { fromMs: 100, toMs: 200 },
  ];
  expect(blindWithin(blind, 50, 90)).toEqual([{ fromMs: 5, toMs: 60 }]);
});
