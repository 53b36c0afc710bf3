import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExperimentReport } from '../../src/report/schema.ts';
import { runVitest } from './support/run-vitest.ts';
import type { InlineRun } from './support/run-vitest.ts';

const head = `import { describe, expect, test } from './kit.ts';\n`;

// All in one run of vitest, which is what takes the time; each test looks at its part of what came out.
const specs = {
  'pass.chaos.ts': `${head}
    describe('files', () => {
      test.override('engine', 'kubernetes');
      test('come back', { tags: ['smoke'] }, async ({ cluster, ledger, withFileBroken }) => {
        const run = await withFileBroken({}, () => new Promise((resolve) => setTimeout(resolve, 100)));
        await expect(ledger).toHaveLostNoAcknowledgedWrite();
        expect(run).toHaveRecoveredWritesWithin('30s');
        expect(run).toHaveWriteGapWithin('2s');
        expect(run).toHaveConvergedWithin('2m');
        expect(run).toHavePromoted(0);
        await expect(cluster).toBeHealthy();
      });
      test('break budgets', async ({ withFileBroken }) => {
        const run = await withFileBroken({}, () => {});
        expect.soft(run).toHaveRecoveredWritesWithin('39ms');
        expect.soft(run).toHaveWriteGapWithin('49ms');
        expect.soft(run).toHavePromoted(1);
        expect.soft(run).toHaveConvergedWithin(0);
      });
      let round = 0;
      test('fail once', { repeats: 1 }, async ({ withFileBroken }) => {
        const run = await withFileBroken({}, () => {});
        expect(run).toHavePromoted(round++ === 0 ? 1 : 0);
      });
      test('are broken while one looks', async ({ cluster, withFileBroken }) => {
        await withFileBroken({}, () => expect(cluster).toBeHealthy());
      });
    });`,

  'timeout.chaos.ts': `${head}
    test('hangs in the body', { timeout: 2500 }, async ({ withFileBroken }) => {
      await withFileBroken({}, () => new Promise(() => {}));
    });
    test('hangs in the act', { timeout: 800 }, async ({ withFileBroken }) => {
      await withFileBroken({ id: 'b', actMs: 1500 }, () => {});
    });
    test('sees a whole world', async ({ cluster }) => {
      await expect(cluster).toBeHealthy();
    });
    test('comes late', { timeout: 300 }, async ({ withFileBroken }) => {
      await new Promise((resolve) => setTimeout(resolve, 800));
      await withFileBroken({ id: 'late' }, () => {});
    });
    describe('slow ledger', () => {
      test.override('startLedger', ({ script: _ }) => async () => {
        await new Promise((resolve) => setTimeout(resolve, 700));
        return { [Symbol.asyncDispose]: async () => console.log('the late ledger is gone') };
      });
      test('starts late', { timeout: 300 }, async ({ chaos }) => { void chaos; });
    });
    test('goes on meanwhile', () => new Promise((resolve) => setTimeout(resolve, 1000)));`,

  'verdict.chaos.ts': `${head}
    const loss = { verdict: 'fail', reasons: ['3 acknowledged writes are lost'], counts: { lost: 3 } } as const;
    const unclaimable = { verdict: 'inconclusive', reasons: ['zero loss cannot be claimed: off'], zeroLossClaim: { allowed: false, reason: 'off' } } as const;
    describe('loss', () => {
      test.override('script', loss);
      test('unseen', async ({ withFileBroken }) => { await withFileBroken({}, () => {}); });
      test('seen', async ({ ledger, withFileBroken }) => {
        await withFileBroken({}, () => {});
        await expect(ledger).toHaveLostNoAcknowledgedWrite();
      });
    });
    describe('no claim', () => {
      test.override('script', unclaimable);
      test('unclaimable', async ({ withFileBroken }) => { await withFileBroken({}, () => {}); });
      test('claimed', async ({ ledger, withFileBroken }) => {
        await withFileBroken({}, () => {});
        await expect(ledger).toHaveLostNoAcknowledgedWrite();
      });
      test('denied', async ({ ledger, withFileBroken }) => {
        await withFileBroken({}, () => {});
        await expect(ledger).not.toHaveLostNoAcknowledgedWrite();
      });
    });
    test('no effect', async ({ withFileBroken }) => {
      await withFileBroken({ nothing: true }, () => {}).catch(() => {});
    });
    describe('no ledger', () => {
      test.override('startLedger', () => undefined);
      test('no number', async ({ withFileBroken }) => {
        expect(await withFileBroken({}, () => {})).toHaveRecoveredWritesWithin('30s');
      });
      test('no fault', async ({ chaos }) => { void chaos; });
    });
    const workload = (verify: () => Promise<unknown>) => () =>
      Promise.resolve({ verify, [Symbol.asyncDispose]: async () => console.log('the workload is gone') });
    describe('workload', () => {
      test('that finds something', async ({ session, withFileBroken }) => {
        await session.startWorkload('bank', workload(async () => ({ workload: 'bank', verdict: 'fail', reasons: ['wrong-total: 29 instead of 30'] })));
        await withFileBroken({}, () => {});
      });
      test('that breaks', async ({ session, withFileBroken }) => {
        await session.startWorkload('bank', workload(async () => { throw new Error('no way in'); }));
        await withFileBroken({}, () => {});
      });
      test('that passes', async ({ session, withFileBroken }) => {
        await session.startWorkload('bank', workload(async () => ({ workload: 'bank', verdict: 'pass', reasons: [] })));
        await withFileBroken({}, () => {});
      });
    });
    test('control', async ({ chaos, withFileBroken }) => {
      chaos.expectVerdict('inconclusive', 'the fault does nothing');
      await expect(withFileBroken({ nothing: true }, () => {})).rejects.toThrow('no effect was seen');
    });
    test('control that is not red', async ({ chaos, withFileBroken }) => {
      chaos.expectVerdict('inconclusive', 'the fault does nothing');
      await withFileBroken({}, () => {});
    });`,

  'loss.chaos.ts': `${head}
    test.override('profile', 'async');
    const at = performance.now();
    test.override('script', {
      verdict: 'fail', reasons: ['3 acknowledged writes are lost'], counts: { lost: 3 },
      zeroLossClaim: { allowed: false, reason: 'async' },
      lossByOrigin: [{ server: 'p-1', timeline: 1, lost: 3, firstAckMs: at, lastAckMs: at }],
    });
    test('bounded', async ({ ledger, withFileBroken }) => {
      await withFileBroken({}, () => {});
      await expect(ledger).toHaveLostAtMost({ writes: 5, within: '1m' });
    });
    test('too many', async ({ ledger, withFileBroken }) => {
      await withFileBroken({}, () => {});
      await expect(ledger).toHaveLostAtMost({ writes: 2 });
    });
    test('too old', async ({ ledger, withFileBroken }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await withFileBroken({}, () => {});
      await expect(ledger).toHaveLostAtMost({ writes: 5, within: '1ms' });
    });
    test('not looked at', async ({ withFileBroken }) => { await withFileBroken({}, () => {}); });`,

  'refused.chaos.ts': `${head}
    import { test as bare } from '@cnpg-chaos/chaos-kit/vitest';
    describe('engine', () => {
      test.override('engine', 'hammer' as 'auto');
      test('unknown engine', async ({ withFileBroken }) => { await withFileBroken({}, () => {}); });
    });
    test('unknown option', async ({ withFileBroken }) => { await withFileBroken({ ids: 'a' } as object, () => {}); });
    test('budget without a unit', async ({ withFileBroken }) => {
      expect(await withFileBroken({}, () => {})).toHaveRecoveredWritesWithin('30');
    });
    bare('no cluster', async ({ chaos }) => { void chaos; });`,

  'stuck.chaos.ts': `${head}
    test('sticks', async ({ withFileBroken }) => {
      await withFileBroken({ id: 'stuck', stuck: true }, () => withFileBroken({ id: 'loose' }, () => {}));
    });`,
};

let run: InlineRun;
const folder = mkdtempSync(join(tmpdir(), 'chaos-kit-summary-'));
const stepSummary = join(folder, 'summary.md');

afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  // The files in this order: the one that breaks something for good is the last.
  run = await runVitest(specs, { sequence: Object.keys(specs), env: { GITHUB_STEP_SUMMARY: stepSummary } });
}, 120_000);

function experiment(name: string): ExperimentReport | undefined {
  return run.report?.experiments.find((each) => each.name === name);
}

/** What vitest printed about one failed test. */
function failure(name: string): string {
  const [, text = ''] = run.output.split(new RegExp(`FAIL .* (?:> )?${name}\\n`));
  return text.split(' FAIL ')[0] ?? '';
}

describe('a chaos spec', () => {
  test('that passes leaves a summary and a report', () => {
    expect(run.output).toMatch(/✓ PASS files > come back\n.*profile sync · engine kubernetes/);
    expect(run.output).toContain('500 acknowledged, 0 lost');
    expect(run.output).toMatch(/phases .*inject .*→ hold .*→ heal .*→ recover .*→ verify/);
    expect(experiment('files > come back')).toMatchObject({
      file: 'pass.chaos.ts',
      tags: ['smoke'],
      profile: 'sync',
      engine: 'kubernetes',
      verdict: 'pass',
      faults: [
        {
          fault: 'file-broken',
          targets: [{ uid: 'uid-1' }],
          effect: { what: 'file a' },
          healing: { what: 'file a gone' },
        },
      ],
      ledger: { counts: { acknowledged: 500, lost: 0 } },
      runs: [{ recoveryMs: 40, writeGapMs: 50, promotions: 0 }],
    });
  });

  test('has a line in the summary of a CI job', () => {
    const text = readFileSync(stepSummary, 'utf8');
    expect(text).toContain('| pass | files > come back | sync | kubernetes | 500 | 0 | 40 ms | 50 ms | ok |');
    expect(text).toContain('| FAILED |');
  });

  test('that fails leaves the dump and the logs of its cluster, whoever made it fail', () => {
    for (const name of ['files > break budgets', 'hangs in the body', 'loss > unseen', 'control that is not red']) {
      const { id = '?' } = experiment(name) ?? {};
      expect(run.kept).toContain(`${id}/dump.txt`);
      expect(run.output).toContain(`${name}: dump and logs are in .vitest/chaos-kit/${id} (dump.txt)`);
    }
  });

  test('that passes leaves none, nor does a control that is red', () => {
    for (const name of ['files > come back', 'control']) {
      expect(run.kept).not.toContain(`${experiment(name)?.id ?? '?'}/dump.txt`);
      expect(run.output).not.toContain(`${name}: dump and logs`);
    }
  });

  test('that goes over its budgets fails on each', () => {
    expect(experiment('files > break budgets')?.findings.map((finding) => finding.reason.split('\n')[0])).toEqual([
      'writes came back after 40 ms, budget 39 ms',
      'the longest time without an acknowledged write was 50 ms, budget 49 ms',
      '0 promotions, expected 1',
      expect.stringMatching(/^the cluster was healthy after \d+ ms, budget 0 ms$/),
    ]);
    expect(experiment('files > are broken while one looks')).toMatchObject({
      verdict: 'fail',
      findings: [{ reason: 'the cluster is not healthy:\n  a file is broken' }],
      faults: [{ healing: { what: 'file a gone' } }],
    });
  });

  test('that is repeated is judged each time by itself, with a seed of its own', () => {
    const rounds = run.report?.experiments.filter((each) => each.name === 'files > fail once') ?? [];
    expect(rounds.map((round) => [round.verdict, round.findings.length])).toEqual([
      ['fail', 1],
      ['pass', 0],
    ]);
    expect(new Set(rounds.map((round) => round.seed)).size).toBe(2);
  });

  test('that runs out of time is healed', () => {
    expect(experiment('hangs in the body')).toMatchObject({
      verdict: 'aborted',
      faults: [{ healing: { what: 'file a gone' } }],
    });
    expect(experiment('hangs in the act')).toMatchObject({ verdict: 'aborted' });
    expect(run.output).toContain('✓ sees a whole world');
  });

  test('cannot break anything once nobody waits for it', () => {
    expect(experiment('comes late')).toMatchObject({ verdict: 'aborted', faults: [] });
    expect(run.output).toContain('✓ goes on meanwhile');
    expect(experiment('slow ledger > starts late')).toBeUndefined();
    expect(run.output).toContain('the late ledger is gone');
  });

  test('says loudly what could not be undone, and undoes the rest', () => {
    expect(run.broken).toEqual(['broken-stuck']);
    expect(run.output).toContain('HEALING FAILED');
    expect(run.output).toContain('rm broken-"stuck"');
    expect(
      run.report?.experiments.filter(({ file }) => file === 'stuck.chaos.ts').map(({ verdict }) => verdict),
    ).toEqual(['unhealed']);
    expect(run.report?.totals.unhealed).toBe(1);
    expect(run.code).toBe(1);
  });
});

describe('a verdict that is no pass', () => {
  test('fails a test that found nothing wrong itself', () => {
    expect(
      run.report?.experiments
        .filter((each) => each.file === 'verdict.chaos.ts')
        .map((each) => [each.name, each.verdict]),
    ).toEqual([
      ['loss > unseen', 'fail'],
      ['loss > seen', 'fail'],
      ['no claim > unclaimable', 'inconclusive'],
      ['no claim > claimed', 'inconclusive'],
      ['no claim > denied', 'inconclusive'],
      ['no effect', 'inconclusive'],
      ['no ledger > no number', 'inconclusive'],
      ['no ledger > no fault', 'inconclusive'],
      ['workload > that finds something', 'fail'],
      ['workload > that breaks', 'inconclusive'],
      ['workload > that passes', 'pass'],
      ['control', 'inconclusive'],
      ['control that is not red', 'pass'],
    ]);
    expect(failure('unseen')).toContain('VerdictError: the spec found nothing wrong, but the experiment failed');
    expect(failure('seen')).toContain('3 of 500 acknowledged writes lost');
    expect(failure('no fault')).toContain('VerdictError: inconclusive, which is not a pass: nothing was proven');
    for (const name of ['claimed', 'denied']) {
      expect(failure(name)).toContain(
        'InconclusiveError: inconclusive, which is not a pass: no acknowledged write was lost',
      );
    }
    expect(failure('no number')).toContain('it was not measured: no ledger was running');
  });

  test('is also that of a workload beside the ledger', () => {
    expect(experiment('workload > that finds something')?.findings).toEqual([
      { verdict: 'fail', source: 'bank', reason: 'wrong-total: 29 instead of 30' },
    ]);
    expect(experiment('workload > that breaks')?.findings).toMatchObject([
      { source: 'workload', reason: 'a workload could not be verified: no way in' },
    ]);
    expect(run.output.split('the workload is gone').length - 1).toBe(3);
  });

  test('is what a control expects', () => {
    expect(run.report?.totals).toMatchObject({ asExpected: 1 });
    expect(run.output).toContain('✓ INCONCLUSIVE, AS IT MUST control');
    expect(failure('control that is not red')).toContain(
      'the verdict is pass, but it must be inconclusive: the fault does nothing',
    );
  });
});

describe('loss, where none can be excluded', () => {
  test('is accepted within its bound, and reported', () => {
    expect(experiment('bounded')).toMatchObject({
      verdict: 'pass',
      acceptedLoss: { writes: 5, windowMs: 60_000 },
      ledger: { counts: { lost: 3 } },
    });
    expect(run.output).toContain('500 acknowledged, 3 lost (accepted: 5 from the last 1 min 00 s)');
  });

  test('fails beyond it, and when the spec does not look at it', () => {
    expect(experiment('too many')?.verdict).toBe('fail');
    expect(experiment('too old')?.verdict).toBe('fail');
    expect(experiment('not looked at')?.verdict).toBe('fail');
    expect(failure('too many')).toContain('3 of 500 acknowledged writes lost');
    expect(failure('too old')).toMatch(/the oldest acknowledged .* before the fault; accepted: .* from the last 1 ms/);
    expect(failure('not looked at')).toContain('the spec does not say how much it accepts');
  });
});

describe('before anything is touched', () => {
  test('wrong engine, option and budget, and a missing cluster are named', () => {
    expect(failure('unknown engine')).toContain('engine: got "hammer", expected one of auto, kubernetes, chaos-mesh');
    expect(failure('unknown option')).toContain('ids: no such option');
    expect(failure('budget without a unit')).toContain('budget: "30" is not a duration');
    expect(failure('no cluster')).toContain('this spec must override the `cluster` fixture');
    for (const name of ['engine > unknown engine', 'unknown option']) {
      expect(experiment(name)).toMatchObject({ verdict: 'inconclusive', faults: [] });
    }
  });
});
