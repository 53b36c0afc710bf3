import { expect, test } from 'vitest';
import type { ActiveFault } from '../faults/active-fault.ts';
import { type ClusterSample, healthyPhase } from './cluster-sample.ts';
import { type Measured, measureRun } from './measure.ts';

const fault: ActiveFault = {
  id: 'primary-killed-1',
  fault: 'primary-killed',
  engine: 'kubernetes',
  targets: [],
  injectedAtMs: 1_000,
  evidence: { seen: true, what: 'gone', atMs: 1_100, notBeforeMs: 1_050 },
  healing: undefined,
  heal: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

function sample(atMs: number, primary: string, timelineId: number): ClusterSample {
  return { atMs, phase: healthyPhase, currentPrimary: primary, targetPrimary: primary, timelineId, readyInstances: 3 };
}

const measured: Measured = {
  fault,
  samples: [sample(0, 'pg-1', 1), sample(5_000, 'pg-2', 2)],
  blind: [],
  endMs: 20_000,
  healedAtMs: 9_000,
  converged: { atMs: 12_000, resolutionMs: 400 },
  recovery: { recoveryMs: 4_500, confirmed: true, resolutionMs: 100 },
  writeGap: { startMs: 990, endMs: 5_500, lengthMs: 4_510, resolutionMs: 2 },
};

test('counts every duration from the fault', () => {
  expect(measureRun(measured)).toEqual({
    faults: [fault],
    faultAtMs: 1_000,
    effectSeenAtMs: 1_100,
    healedAtMs: 9_000,
    detectedMs: 4_000,
    promotedMs: 4_000,
    recoveryMs: 4_500,
    recoveryResolutionMs: 100,
    writeGapMs: 4_510,
    writeGapResolutionMs: 2,
    convergedMs: 11_000,
    convergedResolutionMs: 400,
    promotions: 1,
    timelineBefore: 1,
    timelineAfter: 2,
    primaryBefore: 'pg-1',
    primaryAfter: 'pg-2',
    blind: [],
    doubts: { writes: [], promotions: [] },
    uncertain: [],
  });
});

test('leaves out what was not measured, rather than giving zero', () => {
  const run = measureRun({ ...measured, recovery: undefined, writeGap: undefined, converged: undefined });
  expect(run).not.toHaveProperty('recoveryMs');
  expect(run).not.toHaveProperty('writeGapMs');
  expect(run).not.toHaveProperty('convergedMs');
});

test('a recovery that is not confirmed is none', () => {
  const run = measureRun({ ...measured, recovery: { recoveryMs: 4_500, confirmed: false, resolutionMs: 100 } });
  expect(run).not.toHaveProperty('recoveryMs');
});

test('a blind watch makes detection and promotion late, and nothing else doubtful', () => {
  const blind = [
    { fromMs: 100, toMs: 200 },
    { fromMs: 2_000, toMs: 2_750 },
    { fromMs: 7_000, toMs: 8_000 },
  ];
  expect(measureRun({ ...measured, blind })).toMatchObject({
    blind: blind.slice(1),
    detectedResolutionMs: 750,
    promotedResolutionMs: 750,
    promotions: 1,
    doubts: { writes: [], promotions: [] },
    uncertain: [expect.stringContaining('from 1000 ms after'), expect.stringContaining('from 6000 ms after')],
  });
});

test('a watch that is blind at the end may hide a promotion', () => {
  const run = measureRun({ ...measured, blind: [{ fromMs: 15_000, toMs: 20_500 }] });
  expect(run.doubts.promotions).toEqual([
    'the watch on the Cluster has seen nothing for the last 5000 ms: a promotion may be missing',
  ]);
  expect(run).not.toHaveProperty('promotedResolutionMs');
});

test('says once that the runner stalled', () => {
  const run = measureRun({
    ...measured,
    recovery: { recoveryMs: 4_500, confirmed: true, resolutionMs: 900, unreliable: 'our own process stalled' },
    writeGap: { startMs: 0, endMs: 1, lengthMs: 1, resolutionMs: 1, unreliable: 'our own process stalled' },
  });
  expect(run.doubts.writes).toEqual(['our own process stalled']);
  expect(run.uncertain).toEqual(['our own process stalled']);
});
