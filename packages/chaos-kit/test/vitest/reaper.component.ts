import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isRunAlive, listRuns, reaperLogPath } from '../../src/safety/run-folder.ts';
import { runsIn, runVitest, until } from './support/run-vitest.ts';
import { brokenIn } from './support/world.ts';

const head = `import { describe, expect, test } from './kit.ts';\n`;
const timeout = 120_000;

const holds = {
  'a.chaos.ts': `${head}
    test('holds', { timeout: 30_000 }, async ({ chaos, withFileBroken }) => {
      await withFileBroken({ id: 'a' }, () =>
        withFileBroken({ id: 'b' }, () => new Promise((resolve) => setTimeout(resolve, 20_000))));
    });`,
};

/** The log of the only run's reaper, once that has ended. */
async function reaperLog(folder: string): Promise<string> {
  const [run] = listRuns(runsIn(folder));
  if (run === undefined) throw new Error('no run has a folder');
  await until('the end of the reaper', () => !isRunAlive(run));
  return readFileSync(reaperLogPath(run.folder), 'utf8');
}

const inForce = (output: () => string) =>
  until('both faults', () => (output().match(/file-broken in force/g) ?? []).length === 2);

describe.concurrent('faults are healed by another process', () => {
  for (const [what, kill] of [
    ['the runner', (child: ChildProcess) => child.kill('SIGKILL')],
    ['its whole process group', (child: ChildProcess) => process.kill(-(child.pid ?? Number.NaN), 'SIGKILL')],
  ] as const) {
    test(`when ${what} is killed`, { timeout }, async () => {
      let log = '';
      const run = await runVitest(holds, {
        ownGroup: true,
        during: async ({ child, folder, output }) => {
          await inForce(output);
          expect(brokenIn(folder)).toHaveLength(2);
          kill(child);
          await until('healing', () => brokenIn(folder).length === 0);
          log = await reaperLog(folder);
        },
      });
      expect(run.broken).toEqual([]);
      expect(log).toContain('is gone; journals with something to undo');
      expect(log.match(/mend of file-broken-\w+: mended/g)).toHaveLength(4);
      expect(log).toContain('done, nothing is left to undo');
    });
  }

  test('which tries again what cannot be undone at first', { timeout }, async () => {
    let log = '';
    await runVitest(
      {
        'a.chaos.ts': `${head}
          test('holds', { timeout: 60_000 }, async ({ chaos, withFileBroken }) => {
            await withFileBroken({ frozenMs: 12_000 }, () => new Promise((resolve) => setTimeout(resolve, 50_000)));
          });`,
      },
      {
        during: async ({ child, folder, output }) => {
          await until('the fault', () => output().includes('file-broken in force'));
          child.kill('SIGKILL');
          await until('healing', () => brokenIn(folder).length === 0);
          log = await reaperLog(folder);
        },
      },
    );
    expect(log).toContain('still frozen');
    expect(log).toMatch(/mend of file-broken-\w+: mended\n.*done, nothing is left to undo/s);
  });

  test('when a worker is killed, before the next spec begins', { timeout }, async () => {
    const run = await runVitest(
      {
        'a.chaos.ts': `${head}
          test('dies', async ({ withFileBroken }) => {
            await withFileBroken({ undoMs: 500 }, () => process.kill(process.pid, 'SIGKILL'));
          });`,
        'b.chaos.ts': `
          import { readdirSync } from 'node:fs';
          ${head}
          test('goes on', async ({ chaos, withFileBroken }) => {
            expect(readdirSync('.').filter((name) => name.startsWith('broken-'))).toEqual([]);
            await withFileBroken({ id: 'b' }, () => {});
          });`,
      },
      { sequence: ['a.chaos.ts', 'b.chaos.ts'] },
    );
    expect(run.broken).toEqual([]);
    expect(run.report?.experiments).toMatchObject([
      { name: 'dies', verdict: 'aborted' },
      { name: 'goes on', verdict: 'pass' },
    ]);
    expect(run.leftRuns).toEqual([]);
  });

  test('but not when the run ends in order; then nothing of it is left', { timeout }, async () => {
    let seen = false;
    const run = await runVitest(
      {
        'a.chaos.ts': `${head}test('runs', async ({ withFileBroken }) => { await withFileBroken({ undoMs: 300 }, () => {}); });`,
      },
      {
        during: async ({ folder }) => {
          await until('the log of the reaper', () =>
            listRuns(runsIn(folder)).some((one) => existsSync(reaperLogPath(one.folder))),
          );
          seen = true;
        },
      },
    );
    expect(seen).toBe(true);
    expect(run).toMatchObject({ code: 0, broken: [], leftRuns: [] });
  });

  test('and not what a run that ends in order says it could not heal', { timeout }, async () => {
    let log = '';
    const run = await runVitest(
      {
        'a.chaos.ts': `${head}test('stuck', async ({ withFileBroken }) => { await withFileBroken({ stuck: true }, () => {}); });`,
      },
      {
        during: async ({ child, folder }) => {
          await new Promise((resolve) => child.once('exit', resolve));
          log = await reaperLog(folder);
        },
      },
    );
    expect(run.broken).toEqual(['broken-a']);
    expect(run.output).toContain('not healed, see npx chaos-kit sweep');
    expect(run.leftRuns).toHaveLength(1);
    expect(log).not.toContain('undo');
  });
});
