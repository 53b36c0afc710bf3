import { describe, expect, test } from 'vitest';
import type { Finding } from '../experiment/verdict.ts';
import type { ExperimentRun } from '../experiment/experiment-run.ts';
import type { LedgerVerification } from '../ledger/index.ts';
import type { ExperimentReport } from '../report/schema.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { bindingOf, bindLedger } from './bound-ledger.ts';
import { judgeLoss } from './judge-loss.ts';
import { chaosMatchers } from './matchers.ts';
import { findingsOfTest } from './test-findings.ts';
import { VerdictError } from './verdict-error.ts';

const passed = { failed: false, cancelled: false, errors: [] };

describe('findings of a test', () => {
  const known: Finding[] = [{ verdict: 'fail', source: 'recover', reason: 'did not come back' }];

  test('are its errors that the experiment does not know of yet', () => {
    const errors = [
      { name: 'RecoveryError', message: 'did not come back' },
      { name: 'AssertionError', message: 'too slow' },
      { name: 'InconclusiveError', message: 'nothing seen' },
      { name: 'HistoryWriteError', message: 'disk full' },
    ];
    expect(findingsOfTest({ failed: true, cancelled: false, errors }, known)).toEqual([
      { verdict: 'fail', source: 'spec', reason: 'too slow' },
      { verdict: 'inconclusive', source: 'spec', reason: 'nothing seen' },
      { verdict: 'inconclusive', source: 'spec', reason: 'disk full' },
    ]);
  });

  test('are one when the run was cancelled, whatever else went wrong with it', () => {
    const cancelled = { failed: true, cancelled: true, errors: [{ message: 'x' }] };
    expect(findingsOfTest(cancelled, [])).toMatchObject([{ verdict: 'aborted' }]);
    expect(findingsOfTest(cancelled, [{ verdict: 'aborted', source: 'abort', reason: 'y' }])).toEqual([]);
  });
});

describe('loss', () => {
  const lost = { counts: { lost: 2, lostWeak: 1 } } as LedgerVerification;
  const none = { counts: { lost: 0, lostWeak: 0 } } as LedgerVerification;

  test('without a promise and without a bound is a failure', () => {
    expect(judgeLoss(lost, { promised: false, accepted: undefined })).toMatchObject({
      verdict: 'fail',
      reason: expect.stringContaining('3 acknowledged writes are lost'),
    });
  });

  test('is judged elsewhere when it is promised, bounded, or there is none', () => {
    expect(judgeLoss(lost, { promised: true, accepted: undefined })).toBeUndefined();
    expect(judgeLoss(lost, { promised: false, accepted: { writes: 1 } })).toBeUndefined();
    expect(judgeLoss(none, { promised: false, accepted: undefined })).toBeUndefined();
  });
});

describe('VerdictError', () => {
  const report = (change: Partial<ExperimentReport>): ExperimentReport =>
    ({
      verdict: 'pass',
      findings: [{ verdict: 'fail', source: 'ledger', reason: 'lost' }],
      ...change,
    }) as ExperimentReport;

  test.for([
    ['fail', 'the spec found nothing wrong, but the experiment failed\n  ledger: lost'],
    ['inconclusive', 'inconclusive, which is not a pass'],
    ['aborted', 'the experiment was aborted'],
    ['xpass', 'it may be fixed'],
  ] as const)('fails a passing test whose experiment is %s', ([verdict, message]) => {
    expect(VerdictError.of(report({ verdict }), passed)?.message).toContain(message);
  });

  test('leaves a pass, a known defect, and a test that failed by itself alone', () => {
    expect(VerdictError.of(report({ verdict: 'pass' }), passed)).toBeUndefined();
    expect(VerdictError.of(report({ verdict: 'xfail' }), passed)).toBeUndefined();
    expect(VerdictError.of(report({ verdict: 'fail' }), { ...passed, failed: true })).toBeUndefined();
    expect(VerdictError.of(report({ verdict: 'aborted' }), { ...passed, cancelled: true })).toBeUndefined();
  });

  test('holds a control to its word', () => {
    const expected = { verdict: 'fail', reason: 'a row was deleted' } as const;
    expect(VerdictError.of(report({ verdict: 'fail', expected: { ...expected, met: true } }), passed)).toBeUndefined();
    const error = VerdictError.of(report({ expected: { ...expected, met: false } }), passed);
    expect(error?.message).toContain('the verdict is pass, but it must be fail: a row was deleted');
  });
});

describe('matchers', () => {
  const run = {
    faultAtMs: 0,
    promotions: 1,
    doubts: { writes: [] as string[], promotions: [] as string[] },
    recoveryMs: 4000,
    writeGapMs: 4500,
  } as unknown as ExperimentRun;

  test('say what they are for when they are given something else', async () => {
    expect(() => chaosMatchers.toHavePromoted({}, 1)).toThrow('withPrimaryKilled()');
    expect(() => chaosMatchers.toHavePromoted(run, -1)).toThrow('a whole number from 0 on');
    await expect(chaosMatchers.toBeHealthy({})).rejects.toThrow('`cluster` fixture');
    await expect(chaosMatchers.toHaveLostNoAcknowledgedWrite({})).rejects.toThrow('`ledger` fixture');
    await expect(chaosMatchers.toHaveLostAtMost({}, { writes: 1 })).rejects.toThrow('`ledger` fixture');
  });

  describe('of a scenario', () => {
    const measured = { runs: 1, median: 1, worst: 1 };
    const budget = (limit: string) => ({ limit, documented: '', measured });
    const scenario = (promotions: 0 | 1 | '0..1', limits: Scenario['budget']): Scenario =>
      ({ id: 'some-scenario', expects: { promotions }, budget: limits }) as unknown as Scenario;
    const whole = { ...run, healedAtMs: 3_000, convergedMs: 9_000 };

    test('pass when everything is kept', () => {
      const limits = {
        recovery: budget('4s'),
        afterHeal: budget('1s'),
        writeGap: budget('5s'),
        converged: budget('9s'),
      };
      expect(chaosMatchers.toKeepTo(whole, scenario(1, limits)).pass).toBe(true);
      expect(chaosMatchers.toKeepTo(whole, scenario('0..1', limits)).pass).toBe(true);
      const early = { ...whole, recoveryMs: 2_000 };
      expect(chaosMatchers.toKeepTo(early, scenario(1, { afterHeal: budget('0s') })).pass).toBe(true);
    });

    test.for<[string, Scenario]>([
      ['1 promotion, expected 0', scenario(0, {})],
      ['writes came back after 4.0 s, budget 3.0 s', scenario(1, { recovery: budget('3s') })],
      ['after healing, writes came back after 1.0 s, budget 500 ms', scenario(1, { afterHeal: budget('500ms') })],
      ['without an acknowledged write was 4.5 s, budget 4.0 s', scenario(1, { writeGap: budget('4s') })],
      ['healthy after 9.0 s, budget 8.0 s', scenario(1, { converged: budget('8s') })],
    ])('fail with "%s"', ([message, record]) => {
      const answer = chaosMatchers.toKeepTo(whole, record);
      expect(answer.pass).toBe(false);
      expect(answer.message()).toContain(message);
    });

    test('two promotions are more than one at most', () => {
      const twice = { ...whole, promotions: 2 };
      expect(chaosMatchers.toKeepTo(twice, scenario('0..1', {})).message()).toContain('2 promotions');
    });

    test('prove nothing where nothing was measured', () => {
      const { recoveryMs: _recovery, writeGapMs: _gap, ...blind } = whole;
      const record = scenario(1, { afterHeal: budget('1s') });
      expect(() => chaosMatchers.toKeepTo(blind, record)).toThrow('writes back within 1.0 s of healing');
    });
  });

  test('refuse a budget that is no duration', () => {
    for (const budget of ['30', '', '-1s', 'soon', Number.NaN]) {
      expect(() => chaosMatchers.toHaveRecoveredWritesWithin(run, budget)).toThrow('is not a duration');
    }
  });

  test('never pass on a number that was not measured or cannot be trusted', () => {
    const { recoveryMs: _, writeGapMs: __, ...unmeasured } = run;
    expect(() => chaosMatchers.toHaveRecoveredWritesWithin(unmeasured, '30s')).toThrow('was not measured');
    expect(() => chaosMatchers.toHaveWriteGapWithin(unmeasured, '30s')).toThrow('was not measured');
    expect(() => chaosMatchers.toHaveConvergedWithin(run, '30s')).toThrow('inconclusive');
    const uncertain = { ...run, doubts: { writes: ['our own process stood still'], promotions: [] } };
    expect(() => chaosMatchers.toHaveWriteGapWithin(uncertain, '30s')).toThrow('our own process stood still');
    expect(chaosMatchers.toHaveWriteGapWithin(uncertain, '1s')).toMatchObject({ pass: false });
  });

  test('a blind watch on the cluster makes the promotions doubtful, not the writes', () => {
    const blind = { ...run, doubts: { writes: [], promotions: ['the watch saw nothing'] } };
    expect(chaosMatchers.toHaveWriteGapWithin(blind, '30s')).toMatchObject({ pass: true });
    expect(() => chaosMatchers.toHavePromoted(blind, 1)).toThrow('the watch saw nothing');
    expect(chaosMatchers.toHavePromoted(run, 1)).toMatchObject({ pass: true });
  });

  test('writes that never came back are over every budget', () => {
    const { recoveryMs: _, ...lost } = run;
    const answer = chaosMatchers.toHaveRecoveredWritesWithin(lost, '10m');
    expect(answer.pass).toBe(false);
    expect(answer.message()).toContain('never');
  });

  test('a bound on loss needs a fault to count back from', async () => {
    const ledger = {};
    const verification = {
      integrity: 'pass',
      counts: { acknowledged: 10, acknowledgedWeak: 0, lost: 1, lostWeak: 0 },
      reasons: [],
      lossByOrigin: [{ firstAckMs: 5 }],
    } as unknown as LedgerVerification;
    bindLedger(ledger, { verify: () => Promise.resolve(verification), accept: () => {}, faultAtMs: () => undefined });
    expect(bindingOf(ledger)).toBeDefined();
    await expect(chaosMatchers.toHaveLostAtMost(ledger, { writes: 1, within: '1s' })).rejects.toThrow(
      'no fault was injected',
    );
    await expect(chaosMatchers.toHaveLostAtMost(ledger, { writes: 0.5 })).rejects.toThrow('a whole number from 0 on');
  });
});
