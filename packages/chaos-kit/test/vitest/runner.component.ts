import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runVitest, until } from './support/run-vitest.ts';

const head = `import { describe, expect, test } from './kit.ts';\n`;
const timeout = 240_000;

describe.concurrent('a signal', () => {
  const spec = {
    'a.chaos.ts': `${head}
      test('holds', { timeout: 180_000 }, async ({ withFileBroken }) => {
        await withFileBroken({ undoMs: 300 }, () => new Promise((resolve) => setTimeout(resolve, 20_000)));
      });
      test('never starts', async ({ withFileBroken }) => { await withFileBroken({ id: 'second' }, () => {}); });`,
  };
  const aborted = [{ name: 'holds', verdict: 'aborted', faults: [{ healing: { what: 'file a gone' } }] }];

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal}, delivered twice, heals and ends red`, { timeout }, async () => {
      const run = await runVitest(spec, {
        during: async ({ child, output }) => {
          await until('the fault', () => output().includes('file-broken in force'));
          child.kill(signal);
          child.kill(signal);
        },
      });
      expect(run.broken).toEqual([]);
      expect(run.code).toBeGreaterThan(0);
      expect(run.output).toContain(`${signal}: stopping`);
      expect(run.output).toContain('interrupted before the end');
      expect(run.report?.run.interrupted).toBe(true);
      expect(run.report?.experiments).toMatchObject(aborted);
    });
  }

  test('SIGTERM to all processes at once, as `timeout` sends it, heals and ends red', { timeout }, async () => {
    const run = await runVitest(spec, {
      ownGroup: true,
      during: async ({ child, output }) => {
        await until('the fault', () => output().includes('file-broken in force'));
        process.kill(-(child.pid ?? Number.NaN), 'SIGTERM');
      },
    });
    expect(run.broken).toEqual([]);
    expect(run.code).toBeGreaterThan(0);
    expect(run.report?.experiments).toMatchObject(aborted);
  });

  test('Ctrl-C in a terminal, which hits the workers too, heals and ends red', { timeout }, async () => {
    const run = await runVitest(spec, {
      pty: true,
      during: async ({ child, output }) => {
        await until('the fault, in a live line', () => /hold .* acks\/s/.test(output()));
        child.stdin?.write('\u0003');
      },
    });
    expect(run.broken).toEqual([]);
    expect(run.code).toBeGreaterThan(0);
    expect(run.report?.experiments).toMatchObject(aborted);
  });

  test('that comes while a worker is still starting keeps its specs from starting', { timeout }, async () => {
    const run = await runVitest(
      {
        'a.chaos.ts': `${head}
          test('breaks', async ({ withFileBroken }) => {
            await withFileBroken({}, () => new Promise((resolve) => setTimeout(resolve, 20_000)));
          });`,
      },
      {
        during: async ({ child, folder }) => {
          // Written at the end of the global setup.
          await until('the run', () => existsSync(join(folder, '.vitest/chaos-kit/run.jsonl')));
          child.kill('SIGINT');
        },
      },
    );
    expect(run.output).not.toContain('break a');
    expect(run).toMatchObject({ broken: [], report: undefined });
    expect(run.code).toBeGreaterThan(0);
  });

  test('a second request skips everything but healing', { timeout }, async () => {
    const run = await runVitest(
      {
        'a.chaos.ts': `
          import { fileBroken, neverHealthy, test } from './kit.ts';
          test.override('cluster', () => neverHealthy);
          test('holds', { timeout: 180_000 }, async ({ chaos }) => {
            await chaos.inject(fileBroken, {});
            await new Promise((resolve) => setTimeout(resolve, 20_000));
          });`,
      },
      {
        during: async ({ child, output }) => {
          await until('the fault', () => output().includes('file-broken in force'));
          child.kill('SIGINT');
          await until('the healing', () => output().includes('file-broken healed'));
          // Once more, later than a duplicate would come.
          await new Promise((resolve) => setTimeout(resolve, 1200));
          child.kill('SIGINT');
        },
      },
    );
    expect(run.broken).toEqual([]);
    expect(run.code).toBeGreaterThan(0);
    expect(run.report?.experiments).toMatchObject([{ verdict: 'aborted' }]);
  });
});

describe.concurrent('a worker', () => {
  test('that is killed leaves an aborted experiment in the report', { timeout }, async () => {
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

describe.concurrent('vitest', () => {
  test('is refused in watch mode', { timeout }, async () => {
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

  test('names a tag that nobody defined, in a spec and in a filter', { timeout }, async () => {
    const inSpec = await runVitest({ 'a.chaos.ts': `${head}test('t', { tags: ['smok'] }, async () => {});` });
    const inFilter = await runVitest(
      { 'a.chaos.ts': `${head}test('t', async () => {});` },
      { args: ['--tags-filter=smok'] },
    );
    for (const run of [inSpec, inFilter]) {
      expect(run.output).toContain('smok');
      expect(run.output).toContain('smoke');
      expect(run.code).toBe(1);
    }
  });

  test('prints nothing of ours when no experiment runs', { timeout }, async () => {
    const run = await runVitest({ 'a.chaos.ts': `import { test } from 'vitest';\ntest('plain', () => {});` });
    expect(run).toMatchObject({ code: 0, report: undefined });
    expect(run.output).not.toContain('Chaos experiments');
  });
});
