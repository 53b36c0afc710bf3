import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { buildReport, phaseSpans, RunState } from './build-report.ts';
import { formatCount, formatMs } from './format.ts';
import { RunLogReader, RunLogWriter } from './run-log.ts';
import type { ExperimentStart, RunLogRecord } from './run-log.ts';
import { parseReport } from './schema.ts';
import type { CheckReport, ExperimentReport, FaultReport, LedgerReport, WriteCounts } from './schema.ts';
import { renderStepSummary } from './step-summary.ts';
import { renderSummary } from './terminal.ts';

const counts: WriteCounts = {
  attempted: 1200,
  acknowledged: 1190,
  acknowledgedWeak: 0,
  failed: 2,
  unknown: 8,
  present: 1193,
  lost: 0,
  lostWeak: 0,
  dropped: 0,
  unexpected: 0,
  duplicated: 0,
  corrupted: 0,
  phantomFail: 0,
  recovered: 3,
};

const start: ExperimentStart = {
  id: 'e1',
  name: 'pod kill > a standby takes over',
  file: 'suites/pod/a.chaos.ts',
  tags: ['smoke'],
  profile: 'sync',
  engine: 'kubernetes',
  seed: 42,
  startedAt: '2026-01-01T10:00:00.000Z',
};

function killed(change: Partial<FaultReport> = {}): FaultReport {
  return {
    id: 'f1',
    fault: 'primary-killed',
    engine: 'kubernetes',
    options: { gracePeriodSeconds: 0 },
    targets: [{ kind: 'pod', role: 'primary', namespace: 'n', name: 'sync-1', uid: 'u' }],
    injectedAtMs: 5000,
    effect: { what: 'pod sync-1: UID u is gone', atMs: 5100 },
    ...change,
  };
}

function ledger(change: Partial<LedgerReport> = {}): LedgerReport {
  return {
    verdict: 'pass',
    integrity: 'pass',
    reasons: [],
    counts,
    lost: [],
    zeroLossClaim: { allowed: true, reason: 'sync' },
    durability: [],
    failures: [{ reason: 'info: ECONNRESET read ECONNRESET', count: 8 }],
    timelines: [1, 2],
    notes: [],
    ...change,
  };
}

function experiment(change: Partial<ExperimentReport> = {}): ExperimentReport {
  return {
    ...start,
    durationMs: 30_000,
    verdict: 'pass',
    findings: [],
    faults: [killed()],
    ledger: ledger(),
    runs: [{ faultIds: ['f1'], recoveryMs: 4321, writeGapMs: 4500, convergedMs: 21_000, promotions: 1, uncertain: [] }],
    phases: [{ phase: 'inject', startMs: 5000, endMs: 5400 }],
    timeline: [{ atMs: 5000, phase: 'inject', what: 'deleted pod sync-1' }],
    ...change,
  };
}

function stateOf(...records: RunLogRecord[]): RunState {
  const state = new RunState();
  const run = { id: 'r1', seed: 7, startedAt: '2026-01-01T09:59:00.000Z', node: 'v24.0.0' };
  for (const record of [{ type: 'run', run } as const, ...records]) state.apply(record);
  return state;
}

const finishedAt = new Date('2026-01-01T10:01:00.000Z');

describe('format', () => {
  test('durations', () => {
    expect([0, 999, 4321, 59_990, 125_000, undefined].map(formatMs)).toEqual([
      '0 ms',
      '999 ms',
      '4.3 s',
      '60.0 s',
      '2 min 05 s',
      '–',
    ]);
  });
  test('counts', () => {
    expect([0, 999, 1000, 1_234_567, undefined].map(formatCount)).toEqual(['0', '999', '1 000', '1 234 567', '–']);
  });
});

describe('run log', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-kit-log-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('gives each record once, keeps half a line for later and skips what is none', () => {
    const path = join(folder, 'deep', 'run.jsonl');
    const reader = new RunLogReader(path);
    expect(reader.read()).toEqual([]);
    const writer = new RunLogWriter(path);
    writer.write({ type: 'note', text: 'grüße' });
    expect(reader.read()).toEqual([{ type: 'note', text: 'grüße' }]);
    appendFileSync(path, '{"type":"note",');
    expect(reader.read()).toEqual([]);
    appendFileSync(path, '"text":"b"}\nno record\n');
    expect(reader.read()).toEqual([{ type: 'note', text: 'b' }]);
    expect(reader.read()).toEqual([]);
  });
});

describe('report', () => {
  test('is what its schema says, and reads back', () => {
    const report = buildReport(
      stateOf({ type: 'started', experiment: start }, { type: 'finished', experiment: experiment() }),
      { finishedAt },
    );
    expect(parseReport(JSON.stringify(report))).toEqual(report);
    expect(report.totals).toMatchObject({ pass: 1, fail: 0 });
    expect(report.run.durationMs).toBe(120_000);
  });

  test('an experiment that never finished is aborted, with the phases it reached', () => {
    const state = stateOf(
      { type: 'started', experiment: start },
      { type: 'event', id: 'e1', event: { atMs: 0, phase: 'baseline', what: 'writes flow' } },
      { type: 'event', id: 'e1', event: { atMs: 900, phase: 'inject', what: 'deleted' } },
      { type: 'interrupted', signal: 'SIGINT' },
    );
    const report = buildReport(state, { finishedAt });
    expect(report.run.interrupted).toBe(true);
    expect(report.experiments).toMatchObject([
      {
        verdict: 'aborted',
        durationMs: 60_000,
        phases: [
          { phase: 'baseline', startMs: 0, endMs: 900 },
          { phase: 'inject', startMs: 900 },
        ],
      },
    ]);
  });

  test('something else is refused with the fields that are wrong', () => {
    expect(() => parseReport('no')).toThrow('no JSON');
    expect(() => parseReport('{"schema":"cnpg-chaos/report","version":1}')).toThrow(/experiments/);
    const broken = buildReport(stateOf({ type: 'started', experiment: start }), { finishedAt });
    expect(() => parseReport(JSON.stringify({ ...broken, version: 2 }))).toThrow(/version/);
  });

  test('phases come back when they are entered again', () => {
    const at = (atMs: number, phase: 'inject' | 'heal') => ({ atMs, phase, what: '' });
    expect(phaseSpans([at(1, 'inject'), at(2, 'inject'), at(3, 'heal'), at(4, 'inject')], 9)).toEqual([
      { phase: 'inject', startMs: 1, endMs: 3 },
      { phase: 'heal', startMs: 3, endMs: 4 },
      { phase: 'inject', startMs: 4, endMs: 9 },
    ]);
  });
});

describe('summary', () => {
  const summaryOf = (...experiments: ExperimentReport[]) =>
    renderSummary(
      buildReport(
        stateOf(
          ...experiments.flatMap((each): RunLogRecord[] => [
            { type: 'started', experiment: each },
            { type: 'finished', experiment: each },
          ]),
        ),
        { finishedAt },
      ),
    );

  test('says what an engineer wants to know', () => {
    const text = summaryOf(experiment());
    expect(text).toContain('✓ PASS pod kill > a standby takes over');
    expect(text).toContain('1 190 acknowledged, 0 lost, 8 unknown (3 found)');
    expect(text).toContain('writes back after 4.3 s, write gap 4.5 s, healthy after 21.0 s, 1 promotion');
    expect(text).toContain('primary-killed on primary sync-1 (kubernetes): pod sync-1: UID u is gone');
    expect(text).toContain('inject 400 ms');
    expect(text).toContain('seed 42');
  });

  const { effect: _, ...unseen } = killed();

  test('loss, lack of evidence and a failed rollback stand out', () => {
    const text = summaryOf(
      experiment({
        verdict: 'fail',
        findings: [
          { verdict: 'fail', source: 'ledger', reason: '3 acknowledged writes are lost' },
          { verdict: 'fail', source: 'heal', reason: 'delete networkchaos/x: timed out\nto undo it by hand:' },
        ],
        ledger: ledger({ verdict: 'fail', counts: { ...counts, lost: 3 } }),
      }),
      experiment({ id: 'e2', verdict: 'inconclusive', faults: [unseen] }),
    );
    expect(text).toContain('✗ FAIL');
    expect(text).toContain('1 190 acknowledged, 3 lost');
    expect(text).toContain('8 × info: ECONNRESET');
    expect(text).toContain('→ ledger: 3 acknowledged writes are lost');
    expect(text).toContain('HEALING FAILED heal: delete networkchaos/x: timed out');
    expect(text).toContain('? INCONCLUSIVE');
    expect(text).toContain('no effect seen');
    expect(text).toContain('1 fail, 1 inconclusive');
  });

  test('a control that is red on purpose is no failure, one that is not red is', () => {
    const expected = { verdict: 'fail', reason: 'a row was deleted' } as const;
    const text = summaryOf(
      experiment({ verdict: 'fail', expected: { ...expected, met: true } }),
      experiment({ id: 'e2', verdict: 'pass', expected: { ...expected, met: false } }),
    );
    expect(text).toContain('✓ FAIL, AS IT MUST');
    expect(text).toContain('→ expected fail: a row was deleted');
    expect(text).toContain('1 pass, 1 control red as expected');
  });

  test('repeated experiments show their spread, the tail included', () => {
    const times = [4100, 21_000, 4300, 4500];
    const text = summaryOf(
      ...times.map((recoveryMs, index) =>
        experiment({ id: `e${index}`, runs: [{ faultIds: [], recoveryMs, promotions: 1, uncertain: [] }] }),
      ),
    );
    expect(text).toContain('writes back after 4.1 s · 4.4 s · 21.0 s (4 runs)');
    expect(summaryOf(experiment())).not.toContain('median');
  });

  test('what checkers said, and how to ask them again', () => {
    const check = { about: 'integrity' as const, count: 0, looked: '1 190 rows', sentences: [] };
    const checks: CheckReport[] = [
      { ...check, checker: 'lost', verdict: 'pass' },
      { ...check, checker: 'hole', verdict: 'fail', count: 2, sentences: ['2 are missing from the middle'] },
      { ...check, checker: 'time-travel', verdict: 'unknown' },
    ];
    const told = ledger({ checks, history: '.vitest/chaos-kit/e1', notes: ['no reads on -ro'] });
    const red = experiment({ verdict: 'fail', ledger: told });
    expect(summaryOf(red)).toContain('checks  1 of 3 pass; fail: hole 2; unknown: time-travel');
    expect(summaryOf(red)).toContain('note: no reads on -ro');
    expect(summaryOf(red)).toContain('history .vitest/chaos-kit/e1 · npx chaos-kit verify .vitest/chaos-kit/e1');
    const report = buildReport(stateOf({ type: 'started', experiment: start }, { type: 'finished', experiment: red }), {
      finishedAt,
    });
    expect(parseReport(JSON.stringify(report)).experiments[0]?.ledger?.checks).toEqual(checks);
    expect(summaryOf(experiment({ ledger: told }))).not.toContain('note:');
  });

  test.each([
    [50, [], 'no failure in 50 runs: at most 6.0 % of runs fail (p ≤ 3/n, 95 % confidence)'],
    [10, [], 'no failure in 10 runs: at most 30 % of runs fail'],
    [3, [], 'no failure in 3 runs, too few to say how rare one is'],
    [4, ['fail'], '1 of 5 runs failed'],
    [
      5,
      ['inconclusive', 'aborted'],
      'no failure in 5 runs: at most 60 % of runs fail (p ≤ 3/n, 95 % confidence) (2 of 7 proved nothing)',
    ],
  ] as const)('%d passed and %j: %s', (passed, others, words) => {
    const verdicts = [...Array.from({ length: passed }, () => 'pass' as const), ...others];
    const all = verdicts.map((verdict, i) => experiment({ id: `e${i}`, verdict }));
    expect(summaryOf(...all)).toContain(words);
    const state = stateOf(
      ...all.flatMap((each): RunLogRecord[] => [
        { type: 'started', experiment: each },
        { type: 'finished', experiment: each },
      ]),
    );
    const report = buildReport(state, { finishedAt });
    expect(renderStepSummary(report)).toContain(words);
    const [repeat] = parseReport(JSON.stringify(report)).repeats ?? [];
    expect(repeat).toMatchObject({ runs: verdicts.length, passed });
    expect(repeat?.failureRateAtMost).toBe(passed > 3 && !others.includes('fail' as never) ? 3 / passed : undefined);
  });

  test('one run, and controls that are to be red, are no repeats', () => {
    const expected = { verdict: 'fail', reason: 'a row was deleted', met: true } as const;
    const controls = [1, 2, 3, 4].map((i) => experiment({ id: `e${i}`, verdict: 'fail', expected }));
    expect(summaryOf(experiment())).not.toContain('no failure');
    expect(summaryOf(...controls)).not.toContain('runs failed');
  });

  test('the CI table escapes what would break it', () => {
    const report = buildReport(
      stateOf(
        { type: 'started', experiment: start },
        { type: 'finished', experiment: experiment({ name: 'a | b\nc' }) },
      ),
      { finishedAt },
    );
    expect(renderStepSummary(report)).toContain('| pass | a \\| b c | sync |');
  });
});
