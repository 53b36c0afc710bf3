import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from './errors.ts';
import { cacheLayout } from './build/cache-dir.ts';

/** How {@link withLabLock} waits. */
export interface LabLockOptions {
  /** Milliseconds to wait for another holder; default 30 minutes, a cold start takes half of it. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called once when another process holds the lock, with what is known of it. */
  onWait?: (holder: string) => void;
}

/**
 * Runs `body` while no other process of this user changes a lab. The kernel holds the lock (`flock`) for a child that
 * ends with this process, so a killed run leaves nothing behind. Throws {@link LabError} `LAB_BUSY` when time runs out.
 */
export async function withLabLock<T>(what: string, body: () => Promise<T>, options: LabLockOptions = {}): Promise<T> {
  // Beside the locks of builds, since the file must outlive every lab: a removed lock file is no lock.
  const { locks } = cacheLayout();
  await mkdir(locks, { recursive: true });
  const path = join(locks, 'lab.flock');
  const holderPath = join(locks, 'lab.flock-holder');
  const timeoutMs = options.timeoutMs ?? 1_800_000;
  let holder = await acquire(path, 0, options.signal);
  if (!holder) {
    const who = await readFile(holderPath, 'utf8').catch(() => 'another process');
    options.onWait?.(who);
    holder = await acquire(path, timeoutMs, options.signal);
    if (!holder) throw new LabError('LAB_BUSY', `the lab is still being changed by ${who} after ${timeoutMs / 1000} s`);
  }
  try {
    await writeFile(holderPath, `'${what}' (pid ${process.pid})`);
    return await body();
  } finally {
    await holder.release();
  }
}

async function acquire(
  path: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<{ release(): Promise<void> } | undefined> {
  signal?.throwIfAborted();
  const wait = timeoutMs === 0 ? ['--nonblock'] : ['--wait', String(timeoutMs / 1000)];
  const { promise, resolve, reject } = Promise.withResolvers<{ release(): Promise<void> } | undefined>();
  // `cat` ends when its input ends, that is when this process releases the lock or dies.
  const child = spawn('flock', [...wait, '--no-fork', path, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true, // Ctrl-C in the terminal must not take the lock away before this process is done
  });
  const abort = (): void => void child.kill();
  signal?.addEventListener('abort', abort, { once: true });
  child.stdin.on('error', () => undefined);
  child.stdout.once('data', () =>
    resolve({
      // the lock is free when the child is gone, not when it is told to go
      release: async () => {
        child.stdin.end();
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      },
    }),
  );
  child.once('error', (cause) =>
    reject(new LabError('COMMAND', `cannot run 'flock' (package util-linux): ${cause.message}`, { cause })),
  );
  child.once('exit', () => resolve(undefined));
  try {
    const held = await promise;
    signal?.throwIfAborted();
    return held;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
