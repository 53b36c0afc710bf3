// The process of the reaper: `node reaper-main.ts <folder of the run>`, with a pipe from the runner as standard input.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf } from '../process-identity.ts';
import { readRun, reaperIdentityPath } from '../run-folder.ts';
import { orderlyEnd } from './start-reaper.ts';

const pollMs = 100;

// it ends when its work is done, and no sooner
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const log = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);

/** Waits for the end of the pipe. @returns whether the runner said that the run ended in order */
async function runnerEnds(): Promise<boolean> {
  let said = '';
  try {
    for await (const chunk of process.stdin) said += String(chunk);
  } catch {
    // the other end vanished
  }
  return said.includes(orderlyEnd);
}

// For a run without a cluster: what its engines load is not needed before something is about to break.
async function firstJournal(folder: string, stop: AbortSignal): Promise<void> {
  while (!stop.aborted && (readRun(folder)?.journals.length ?? 0) === 0) {
    await sleep(pollMs, undefined, { signal: stop }).catch(() => {});
  }
}

async function main(folder: string): Promise<number> {
  writeFileSync(reaperIdentityPath(folder), JSON.stringify(identityOf()), { mode: 0o600 });
  const run = readRun(folder);
  if (run === undefined) throw new TypeError(`${folder} is not the folder of a run`);
  log(`watching runner ${run.manifest.runner.pid}`);
  const over = new AbortController();
  const ending = runnerEnds().finally(() => over.abort());
  // With a cluster everything is loaded at once: that takes half a second of processor time, and seconds on a busy machine,
  // in which the runner may be killed.
  if (run.manifest.access === undefined) await firstJournal(folder, over.signal);
  if (over.signal.aborted && (await ending)) return 0;
  const { prepareReaper } = await import('./prepare-reaper.ts');
  await using reaper = await prepareReaper(folder, run.manifest, log);
  const watching = reaper.watch();
  if (await ending) {
    reaper.stop();
    await watching;
    return 0;
  }
  const left = await reaper.runnerGone();
  await watching;
  return left === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv[2] ?? '');
} catch (error) {
  log(`failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = 2;
}
// a socket of the Kubernetes client must not keep it
process.exit();
