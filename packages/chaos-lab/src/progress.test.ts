import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatElapsed, LabStepError, silentProgress, TerminalProgress } from './progress.ts';

function recorder() {
  const chunks: string[] = [];
  return { out: { write: (text: string) => chunks.push(text), columns: 40 }, text: () => chunks.join('') };
}

test('one line per finished step, with its detail', async () => {
  const { out, text } = recorder();
  const progress = new TerminalProgress({ out, live: false });
  const result = await progress.step('compiling', async (step) => {
    step.detail('half');
    step.detail('64 MB');
    return 7;
  });
  expect(result).toBe(7);
  expect(text()).toMatch(/^✓ compiling +\d+ ms {2}64 MB\n$/);
});

test('a cached step says so and is listed apart', async () => {
  const { out, text } = recorder();
  const progress = new TerminalProgress({ out, live: false });
  await progress.step('a', async (step) => step.cached());
  await progress.step('b', async () => {});
  expect(text()).toMatch(/^= a +cached\n/);
  expect(progress.summary().cached).toEqual(['a']);
  expect(progress.summary().done.map((step) => step.title)).toEqual(['b']);
});

test('a failure names the step, its log file and the last lines', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'progress-'));
  try {
    const log = join(dir, 'x.log');
    await writeFile(log, Array.from({ length: 50 }, (_, i) => `line ${i}`).join('\n'));
    const cause = new Error('exit code 1');
    const run = silentProgress.step('unpacking', () => Promise.reject(cause), { log });
    const error = await run.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(LabStepError);
    expect(error).toMatchObject({ step: 'unpacking', logFile: log, cause });
    const { message } = error as LabStepError;
    expect(message).toContain('step "unpacking" failed: exit code 1');
    expect(message).toContain(log);
    expect(message).toContain('line 49');
    expect(message).not.toContain('line 29\n');
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a failure inside nested steps keeps the name of the innermost', async () => {
  const { out } = recorder();
  const progress = new TerminalProgress({ out, live: false });
  const run = progress.step('outer', () => progress.step('inner', () => Promise.reject(new Error('no'))));
  await expect(run).rejects.toMatchObject({ step: 'inner' });
});

test('live: running steps are redrawn below what is finished and never wider than the terminal', async () => {
  const { out, text } = recorder();
  const progress = new TerminalProgress({ out, live: true });
  await progress.step('a title that is much longer than forty columns of a terminal', async () => {
    progress.note('in between');
  });
  const frames = text().split('\n');
  const cursorUp = '\u001B[1A';
  expect(text()).toContain(cursorUp);
  expect(frames.filter((frame) => frame.includes('…')).every((frame) => !frame.includes('terminal'))).toBe(true);
  // Nothing is left to erase after the last step.
  expect(text().endsWith('\n')).toBe(true);
  expect(frames.at(-2)).toContain('✓');
});

test('elapsed times read like times', () => {
  expect([formatElapsed(5), formatElapsed(12_340), formatElapsed(185_000)]).toEqual(['5 ms', '12.3 s', '3 min 05 s']);
});
