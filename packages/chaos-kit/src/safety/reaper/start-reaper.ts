import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { reaperLogPath } from '../run-folder.ts';

/** What the runner says before it closes the pipe, when it ends in order. */
export const orderlyEnd = 'ended in order\n';

/** How long the runner waits for the reaper to end with it. Usually at once; longer when a worker has just died. */
const endMs = 75_000;

/** A reaper that watches this process. */
export interface RunningReaper {
  readonly pid: number | undefined;
  /** Says that the run ended in order and waits until the reaper is gone. */
  end(): Promise<void>;
}

/**
 * Starts the process that heals when this one dies. It has a session of its own, so that a signal to the process group
 * does not reach it, and holds the reading end of a pipe whose only writing end is here: the kernel closes it when this
 * process ends, however that happens.
 *
 * @param folder of the run; has its log
 */
export function startReaper(folder: string): RunningReaper {
  const source = import.meta.url.endsWith('.ts');
  const main = fileURLToPath(new URL(`./reaper-main.${source ? 'ts' : 'js'}`, import.meta.url));
  const flags = source ? ['--conditions=@cnpg-chaos/source'] : [];
  const log = openSync(reaperLogPath(folder), 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [...flags, main, folder], { detached: true, stdio: ['pipe', log, log] });
  } finally {
    closeSync(log);
  }
  const exited = once(child, 'exit');
  exited.catch(() => {});
  // a reaper that is gone must not end the runner
  child.stdin?.on('error', () => {});
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return {
    pid: child.pid,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref();
      child.stdin?.end(orderlyEnd);
      const limit = new AbortController();
      await Promise.race([exited, sleep(endMs, undefined, { signal: limit.signal }).catch(() => {})]);
      limit.abort();
      child.unref();
    },
  };
}
