import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CommandError, runCommand } from './run-command.ts';

test('returns standard output', async () => {
  expect(await runCommand(['printf', 'a b'])).toBe('a b');
});

test('a failure says code and standard error', async () => {
  const error = await runCommand(['sh', '-c', 'echo bad >&2; exit 3']).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(CommandError);
  expect(error).toMatchObject({ exitCode: 3 });
  expect(String(error)).toContain('exit code 3: bad');
});

test('a program that is not there is a CommandError too', async () => {
  await expect(runCommand(['no-such-program-here'])).rejects.toThrow(CommandError);
});

test('the log holds command, output and errors', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'run-'));
  try {
    const log = join(dir, 'log');
    await runCommand(['sh', '-c', 'echo out; echo err >&2'], { log });
    const text = await readFile(log, 'utf8');
    for (const part of ['$ sh -c', 'out\n', 'err\n']) expect(text).toContain(part);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('an abort ends the command with the reason', async () => {
  const abort = new AbortController();
  const run = runCommand(['sleep', '60'], { signal: abort.signal });
  abort.abort(new Error('enough'));
  await expect(run).rejects.toThrow('enough');
});

test('ends with the process that started it, even when that is killed', async () => {
  const module = join(import.meta.dirname, 'run-command.ts');
  const script = `import { runCommand } from ${JSON.stringify(module)}; await runCommand(['sleep', '600'])`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script]);
  const child = await poll(async () => (await childrenOf(parent.pid)).find(Boolean));
  await poll(async () => (await commandOf(child))?.startsWith('sleep'));
  parent.kill('SIGKILL');
  await poll(async () => (await commandOf(child)) === undefined);
  expect(await commandOf(child)).toBeUndefined();
});

async function poll<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function childrenOf(pid: number | undefined): Promise<string[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean);
}

// Empty for a process that has ended and was not fetched yet.
async function commandOf(pid: string): Promise<string | undefined> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command === '' ? undefined : command;
}
