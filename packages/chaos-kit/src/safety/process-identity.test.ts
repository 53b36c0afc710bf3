import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { identityOf, isAlive } from './process-identity.ts';

test('this process is alive, one with its number and another start is not', () => {
  const self = identityOf();
  expect(self.pid).toBe(process.pid);
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ ...self, started: '1' })).toBe(false);
});

test('a process that was killed is not alive', async () => {
  const child = spawn('sleep', ['60']);
  const identity = identityOf(child.pid);
  expect(isAlive(identity)).toBe(true);
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  expect(isAlive(identity)).toBe(false);
});

test('a dead process that its parent has not waited for is not alive', async () => {
  // the shell becomes `sleep`, which never waits for the child that it inherits
  const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 5'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = identityOf(Number(line.toString()));
    await expect.poll(() => isAlive(child), { timeout: 5_000 }).toBe(false);
  } finally {
    parent.kill('SIGKILL');
  }
});
