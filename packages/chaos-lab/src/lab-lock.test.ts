import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { withLabLock } from './lab-lock.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'lab-lock-'));
  vi.stubEnv('XDG_CACHE_HOME', home);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

test('two do not run at the same time, and the second is told who holds it', async () => {
  const events: string[] = [];
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const waiting = Promise.withResolvers<string>();
  const first = withLabLock('first', async () => {
    events.push('first in');
    started.resolve();
    await release.promise;
    events.push('first out');
  });
  await started.promise;
  const second = withLabLock('second', async () => events.push('second in'), { onWait: waiting.resolve });
  expect(await waiting.promise).toContain("'first' (pid");
  release.resolve();
  await Promise.all([first, second]);
  expect(events).toEqual(['first in', 'first out', 'second in']);
});

test('it is free again after a body that failed', async () => {
  await expect(withLabLock('one', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await withLabLock('two', async () => 'in', { timeoutMs: 0 })).toBe('in');
});

test('who waits too long is told who was in the way', async () => {
  await withLabLock('long one', async () => {
    await expect(withLabLock('short one', async () => 'in', { timeoutMs: 1 })).rejects.toThrow(
      expect.objectContaining({ code: 'LAB_BUSY', message: expect.stringContaining("'long one'") }),
    );
  });
});

test('an abort ends the wait', async () => {
  const controller = new AbortController();
  await withLabLock('holder', async () => {
    const waiting = withLabLock('waiter', async () => 'in', {
      signal: controller.signal,
      onWait: () => controller.abort(new Error('stop')),
    });
    await expect(waiting).rejects.toThrow('stop');
  });
});

test('a killed holder leaves it free', async () => {
  const script = `
    const { withLabLock } = await import(${JSON.stringify(new URL('./lab-lock.ts', import.meta.url).href)});
    await withLabLock('victim', async () => { console.log('in'); await new Promise((r) => setTimeout(r, 60_000)); });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await withLabLock('next', async () => 'in', { timeoutMs: 10_000 })).toBe('in');
});
