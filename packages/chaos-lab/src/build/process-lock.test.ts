import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isLocked, withLock } from './process-lock.ts';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lock-'));
  file = join(dir, 'lock');
});
afterEach(() => rm(dir, { recursive: true }));

test('one after the other, and nothing is left', async () => {
  const events: string[] = [];
  const hold = (name: string) =>
    withLock(
      file,
      async () => {
        events.push(`${name} in`);
        await new Promise((resolve) => setImmediate(resolve));
        events.push(`${name} out`);
      },
      { intervalMs: 1 },
    );
  await Promise.all([hold('a'), hold('b'), hold('c')]);
  expect(events).toHaveLength(6);
  for (let i = 0; i < events.length; i += 2) expect(events[i + 1]).toBe(events[i]?.replace('in', 'out'));
  expect(await readdir(dir)).toEqual([]);
});

test('is released when the work throws', async () => {
  await expect(withLock(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await isLocked(file)).toBe(false);
  await expect(withLock(file, async () => 1)).resolves.toBe(1);
});

test('the lock of a process that is gone is taken over', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  await writeFile(file, JSON.stringify({ pid: child.pid, startedAt: '1' }));
  expect(await isLocked(file)).toBe(false);
  await expect(withLock(file, async () => 'mine')).resolves.toBe('mine');
});

test('a living process that has the number of a gone owner does not hold its lock', async () => {
  await writeFile(file, JSON.stringify({ pid: process.ppid, startedAt: 'another start time' }));
  await expect(withLock(file, async () => 'mine')).resolves.toBe('mine');
});

test('a lock file that cannot be read is nobody’s', async () => {
  await writeFile(file, '{"pid":');
  await expect(withLock(file, async () => 'mine')).resolves.toBe('mine');
});

test('a living owner is waited for, told once, until the signal', async () => {
  const waits: number[] = [];
  const abort = new AbortController();
  await withLock(file, async () => {
    expect(await isLocked(file)).toBe(true);
    const second = withLock(file, async () => 'never', {
      intervalMs: 1,
      signal: abort.signal,
      onWait: (pid) => {
        waits.push(pid);
        setTimeout(() => abort.abort(), 5);
      },
    });
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: process.pid });
  });
  expect(waits).toEqual([process.pid]);
});
