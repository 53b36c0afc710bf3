import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../safety/process-identity.ts';
import { isRunAlive, listRuns, stopFilePath, type StoredRun } from '../safety/run-folder.ts';
import type { Command } from './command.ts';
import { UsageError } from './usage-error.ts';

const pollMs = 250;
const sayMs = 10_000;
const defaultLimitS = 600;

/** Ends a run that is going on. */
export const stopCommand: Command = {
  name: 'stop',
  usage: `  npx chaos-kit stop [run]                     end a run on this machine: heal everything, measure for a minute, verdict aborted
                                               exit code 0 it ended (or there is none), 1 not in time
      --all              all runs of this user
      --wait <seconds>   how long to wait for its end; default ${defaultLimitS}`,
  options: { all: { type: 'boolean' }, wait: { type: 'string' } },
  async run({ args, options, print }) {
    const [wanted, ...more] = args;
    if (more.length > 0) throw new UsageError(`stop takes one run, not ${args.length}`);
    const limitMs = secondsOf(options['wait']) * 1000;
    const running = listRuns().filter(({ manifest }) => isAlive(manifest.runner));
    const chosen = choose(running, wanted, options['all'] === true);
    if (chosen.length === 0) {
      print('no run is going on\n');
      return 0;
    }
    for (const { folder, manifest } of chosen) {
      writeFileSync(stopFilePath(folder), 'npx chaos-kit stop\n');
      print(`run ${manifest.runId}: asked to stop\n`);
    }
    return (await ended(chosen, limitMs, print)) ? 0 : 1;
  },
};

function choose(running: readonly StoredRun[], wanted: string | undefined, all: boolean): readonly StoredRun[] {
  const list = running
    .map(
      ({ manifest }) =>
        `  ${manifest.runId}  since ${manifest.startedAt}, pid ${manifest.runner.pid}, in ${manifest.root}`,
    )
    .join('\n');
  if (wanted !== undefined) {
    const matching = running.filter(({ manifest }) => manifest.runId.startsWith(wanted));
    if (matching.length === 1) return matching;
    throw new UsageError(
      `${matching.length} runs that are going on begin with '${wanted}'; there are:\n${list || '  none'}`,
    );
  }
  if (running.length > 1 && !all) throw new UsageError(`several runs are going on, name one or give --all:\n${list}`);
  return running;
}

async function ended(runs: readonly StoredRun[], limitMs: number, print: (text: string) => void): Promise<boolean> {
  const startMs = performance.now();
  let saidMs = startMs;
  for (;;) {
    const left = runs.filter(isRunAlive);
    if (left.length === 0) {
      print('ended\n');
      return true;
    }
    const now = performance.now();
    if (now - startMs > limitMs) {
      for (const { manifest } of left) {
        const { pid } = manifest.runner;
        print(`run ${manifest.runId} has not ended; killing its runner makes another process heal: kill -9 ${pid}\n`);
      }
      return false;
    }
    if (now - saidMs > sayMs) {
      saidMs = now;
      print(`still ending after ${Math.round((now - startMs) / 1000)} s\n`);
    }
    await sleep(pollMs);
  }
}

function secondsOf(text: unknown): number {
  if (text === undefined) return defaultLimitS;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new UsageError(`--wait: got ${JSON.stringify(text)}, expected a number of seconds above 0`);
}
