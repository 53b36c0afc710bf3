import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runVitest, until } from './support/run-vitest.ts';

const head = `import { describe, expect, test } from './kit.ts';\n`;

describe('a chaos spec', () => {
  test('passes, is healed, and leaves a summary and a report', { timeout: 60_000 }, async () => {
    const run = await runVitest({
      'a.chaos.ts': `${head}
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
        });`,
    });
    expect(run.output).toContain('✓ PASS files > come back');
    expect(run.output).toContain('500 acknowledged, 0 lost');
    expect(run.output).toMatch(/phases .*inject .*→ hold .*→ heal .*→ recover .*→ verify/);
    expect(run).toMatchObject({ code: 0, broken: [] });
    expect(run.report?.totals).toMatchObject({ pass: 1 });
    expect(run.report?.experiments).toMatchObject([
      {
        name: 'files > come back',
        file: 'a.chaos.ts',
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
      },
    ]);
  });

  test('is healed when its time is up, and fails', { timeout: 60_000 }, async () => {
    const run = await runVitest({
      'a.chaos.ts': `${head}
        test('hangs in the body', { timeout: 800 }, async ({ withFileBroken }) => {
          await withFileBroken({}, () => new Promise(() => {}));
        });
        test('hangs in the act', { timeout: 800 }, async ({ withFileBroken }) => {
          await withFileBroken({ id: 'b', actMs: 3000 }, () => {});
        });
        test('sees a whole world', async ({ cluster }) => {
          await expect(cluster).toBeHealthy();
        });`,
    });
    expect(run).toMatchObject({ code: 1, broken: [] });
    expect(run.output).toContain('2 failed');
    expect(run.output).toContain('1 passed');
    expect(run.report?.experiments.map((each) => each.verdict)).toEqual(['aborted', 'aborted']);
  });

  test('refuses a fault from a body that nobody waits for any more', { timeout: 60_000 }, async () => {
    const run = await runVitest({
      'a.chaos.ts': `${head}
        test('comes late', { timeout: 300 }, async ({ withFileBroken }) => {
          await new Promise((resolve) => setTimeout(resolve, 800));
          await withFileBroken({ id: 'late' }, () => {});
        });
        test('goes on meanwhile', async () => {
          await new Promise((resolve) => setTimeout(resolve, 1500));
        });`,
    });
    expect(run).toMatchObject({ code: 1, broken: [] });
    expect(run.report?.experiments).toMatchObject([{ verdict: 'aborted', faults: [] }]);
  });

  test('says loudly what could not be undone, and undoes the rest', { timeout: 60_000 }, async () => {
    const run = await runVitest({
      'a.chaos.ts': `${head}
        test('sticks', async ({ chaos, withFileBroken }) => {
          await withFileBroken({ id: 'stuck', stuck: true }, () => withFileBroken({ id: 'loose' }, () => {}));
        });`,
    });
    expect(run.code).toBe(1);
    expect(run.broken).toEqual(['broken-stuck']);
    expect(run.output).toContain('HEALING FAILED');
    expect(run.output).toContain('rm broken-stuck');
  });
});

describe('a verdict that is no pass', () => {
  test('fails a test that found nothing wrong itself', { timeout: 60_000 }, async () => {
    const run = await runVitest({
      'a.chaos.ts': `${head}
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
        test('no fault', async ({ chaos }) => { void chaos; });`,
    });
    expect(run).toMatchObject({ code: 1, broken: [] });
    expect(run.report?.experiments.map((each) => [each.name, each.verdict])).toEqual([
      ['loss > unseen', 'fail'],
      ['loss > seen', 'fail'],
      ['no claim > unclaimable', 'inconclusive'],
      ['no claim > claimed', 'inconclusive'],
      ['no claim > denied', 'inconclusive'],
      ['no effect', 'inconclusive'],
      ['no fault', 'pass'],
    ]);
    expect(run.output).toContain('the spec found nothing wrong, but the experiment failed');
    expect(run.output).toContain('3 of 500 acknowledged writes lost');
    expect(run.output).toContain('inconclusive, which is not a pass: no acknowledged write was lost');
  });

  test('is what a control expects', { timeout: 60_000 }, async () => {
    const run = await runVitest({
      'a.chaos.ts': `${head}
        test('control', async ({ chaos, withFileBroken }) => {
          chaos.expectVerdict('inconclusive', 'the fault does nothing');
          await expect(withFileBroken({ nothing: true }, () => {})).rejects.toThrow('no effect was seen');
        });
        test('control that is not red', async ({ chaos, withFileBroken }) => {
          chaos.expectVerdict('inconclusive', 'the fault does nothing');
          await withFileBroken({}, () => {});
        });`,
    });
    expect(run.code).toBe(1);
    expect(run.report?.totals).toMatchObject({ pass: 1, asExpected: 1, inconclusive: 0 });
    expect(run.output).toContain('✓ INCONCLUSIVE, AS IT MUST control');
    expect(run.output).toContain('the verdict is pass, but it must be inconclusive: the fault does nothing');
  });

  test('bounded loss is accepted where none can be promised, and reported', { timeout: 60_000 }, async () => {
    const run = await runVitest({
      'a.chaos.ts': `${head}
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
    });
    expect(run.report?.experiments.map((each) => [each.name, each.verdict])).toEqual([
      ['bounded', 'pass'],
      ['too many', 'fail'],
      ['too old', 'fail'],
      ['not looked at', 'fail'],
    ]);
    expect(run.output).toContain('500 acknowledged, 3 lost (accepted: 5 from the last 1 min 00 s)');
    expect(run.output).toContain('the spec does not say how much it accepts');
  });
});

describe('before anything is touched', () => {
  test('watch mode is refused', { timeout: 60_000 }, async () => {
    const run = await runVitest(
      { 'a.chaos.ts': `${head}test('runs', async ({ withFileBroken }) => { await withFileBroken({}, () => {}); });` },
      {
        watch: true,
        pty: true,
        during: async ({ child, output }) => {
          await until('the refusal', () => output().includes('chaos specs do not run in watch mode'));
          child.kill('SIGTERM');
        },
      },
    );
    expect(run.output).toContain('CNPG_CHAOS_ALLOW_WATCH=1');
    expect(run.output).not.toContain('PASS');
  });

  test('unknown tag, profile, engine and budget are named', { timeout: 60_000 }, async () => {
    const spec = (text: string): Record<string, string> => ({ 'a.chaos.ts': head + text });
    const [tag, filter, engine, budget, cluster] = await Promise.all([
      runVitest(spec(`test('t', { tags: ['smok'] }, async () => {});`)),
      runVitest(spec(`test('t', async () => {});`), { args: ['--tags-filter=smok'] }),
      runVitest(
        spec(`test.override('engine', 'hammer' as 'auto');
          test('t', async ({ withFileBroken }) => { await withFileBroken({}, () => {}); });`),
      ),
      runVitest(
        spec(`test('t', async ({ withFileBroken }) => {
          expect(await withFileBroken({}, () => {})).toHaveRecoveredWritesWithin('30');
        });`),
      ),
      runVitest({
        'a.chaos.ts': `import { test } from '@cnpg-chaos/chaos-kit/vitest';\ntest('t', async ({ chaos }) => { void chaos; });`,
      }),
    ]);
    expect(tag.output).toMatch(/smok/);
    expect(filter.output).toMatch(/smok/);
    expect(engine.output).toContain('engine: got "hammer", expected one of auto, kubernetes, chaos-mesh');
    expect(budget.output).toContain('budget: "30" is not a duration');
    expect(cluster.output).toContain('this spec must override the `cluster` fixture');
    for (const run of [tag, filter, engine, budget, cluster]) expect(run).toMatchObject({ code: 1, broken: [] });
  });

  test('a project that defineChaosProject() did not make keeps its own way', { timeout: 60_000 }, async () => {
    const run = await runVitest({ 'a.chaos.ts': `import { test } from 'vitest';\ntest('plain', () => {});` });
    expect(run).toMatchObject({ code: 0, report: undefined });
    expect(run.output).not.toContain('Chaos experiments');
  });
});

describe('a signal', () => {
  const spec = {
    'a.chaos.ts': `${head}
      test('holds', { timeout: 30_000 }, async ({ withFileBroken }) => {
        await withFileBroken({ undoMs: 300 }, () => new Promise((resolve) => setTimeout(resolve, 20_000)));
      });
      test('never starts', async ({ withFileBroken }) => { await withFileBroken({ id: 'second' }, () => {}); });`,
  };

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal}, delivered twice, heals and ends red`, { timeout: 60_000 }, async () => {
      const run = await runVitest(spec, {
        during: async ({ child, folder }) => {
          await until('the fault', () => existsSync(join(folder, 'broken-a')));
          child.kill(signal);
          child.kill(signal);
        },
      });
      expect(run.broken).toEqual([]);
      expect(run.code).toBeGreaterThan(0);
      expect(run.output).toContain(`${signal}: stopping`);
      expect(run.output).toContain('interrupted before the end');
      expect(run.report?.run.interrupted).toBe(true);
      expect(run.report?.experiments).toMatchObject([
        { name: 'holds', verdict: 'aborted', faults: [{ healing: { what: 'file a gone' } }] },
      ]);
    });
  }

  test('Ctrl-C in a terminal, which hits the workers too, heals and ends red', { timeout: 60_000 }, async () => {
    const run = await runVitest(spec, {
      pty: true,
      during: async ({ child, folder, output }) => {
        await until('the fault', () => existsSync(join(folder, 'broken-a')));
        await until('a live line', () => output().includes('acks/s'));
        child.stdin?.write('\u0003');
      },
    });
    expect(run.broken).toEqual([]);
    expect(run.code).toBeGreaterThan(0);
    expect(run.report?.experiments).toMatchObject([
      { name: 'holds', verdict: 'aborted', faults: [{ healing: { what: 'file a gone' } }] },
    ]);
  });

  test('a worker that is killed leaves an aborted experiment in the report', { timeout: 60_000 }, async () => {
    const run = await runVitest({
      'a.chaos.ts': `${head}
        test('dies', async ({ withFileBroken }) => {
          await withFileBroken({}, () => process.kill(process.pid, 'SIGKILL'));
        });`,
    });
    expect(run.code).toBe(1);
    expect(run.report?.experiments).toMatchObject([{ name: 'dies', verdict: 'aborted' }]);
    expect(run.report?.experiments[0]?.timeline.some((event) => event.what.includes('file-broken in force'))).toBe(
      true,
    );
  });
});
