import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { listRuns, stopFilePath } from '../../src/safety/run-folder.ts';
import { runsIn, runVitest, until } from './support/run-vitest.ts';

const bin = fileURLToPath(new URL('../../bin/chaos-kit.js', import.meta.url));
const timeout = 240_000;

const spec = {
  'chaos.config.ts': `export default { waits: { afterStop: '700ms' } };`,
  'a.chaos.ts': `
    import { test } from './kit.ts';
    test('holds', { timeout: 60_000 }, async ({ withFileBroken }) => {
      await withFileBroken({}, () => new Promise((resolve) => setTimeout(resolve, 50_000)));
    });
    test('never starts', async ({ withFileBroken }) => { await withFileBroken({ id: 'second' }, () => {}); });`,
};

const inForce = (output: () => string) => until('the fault', () => output().includes('file-broken in force'));

describe.concurrent('a run that is stopped heals, measures on, and is aborted', () => {
  test('by its stop file, whose path it prints', { timeout }, async () => {
    const run = await runVitest(spec, {
      during: async ({ folder, output }) => {
        await inForce(output);
        const [stored] = listRuns(runsIn(folder));
        const path = stopFilePath(stored?.folder ?? '');
        expect(output()).toContain(path);
        writeFileSync(path, '');
      },
    });
    expect(run).toMatchObject({ broken: [], leftRuns: [], code: 1 });
    expect(run.report?.run.interrupted).toBe(true);
    const [experiment, ...others] = run.report?.experiments ?? [];
    expect(others).toEqual([]);
    expect(experiment).toMatchObject({
      name: 'holds',
      verdict: 'aborted',
      faults: [{ healing: { what: 'file a gone' } }],
      ledger: { verdict: 'pass' },
    });
    const recover = experiment?.phases.find(({ phase }) => phase === 'recover');
    expect((recover?.endMs ?? 0) - (recover?.startMs ?? 0)).toBeGreaterThanOrEqual(690);
    expect(
      experiment?.timeline.some(({ what }) => what.includes('after everything was healed the cluster is: healthy')),
    ).toBe(true);
  });

  test('by npx chaos-kit stop, which waits for the end', { timeout }, async () => {
    let stop = { status: -1 as number | null, stdout: '' };
    const run = await runVitest(spec, {
      during: async ({ folder, output }) => {
        await inForce(output);
        const env = { ...process.env, XDG_STATE_HOME: join(folder, 'state') };
        stop = spawnSync(process.execPath, [bin, 'stop'], { encoding: 'utf8', env });
      },
    });
    expect(stop.stdout).toMatch(/asked to stop\n.*ended\n$/s);
    expect(stop.status).toBe(0);
    expect(run).toMatchObject({ broken: [], leftRuns: [], code: 1 });
    expect(run.report?.experiments).toMatchObject([{ name: 'holds', verdict: 'aborted' }]);
  });
});
