import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isRunAlive, listRuns, reaperLogPath, type StoredRun } from '@cnpg-chaos/chaos-kit';
import { type CellRecord, told } from './child/cell-files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const child = fileURLToPath(new URL('./child/', import.meta.url));

/** A run of vitest that this suite started and may end. */
export interface ChildRun {
  readonly process: ChildProcess;
  /** What its cells told. */
  readonly told: () => readonly CellRecord[];
  readonly output: () => string;
  /** The run as it is found on this machine, once it has a folder. */
  readonly stored: () => StoredRun | undefined;
}

/** What is left of it when it has ended. */
export interface EndedRun {
  readonly code: number | null;
  readonly output: string;
  readonly told: readonly CellRecord[];
  /** Missing: its folder is gone, as it must be when nothing is left to undo. */
  readonly stored: StoredRun | undefined;
  /** What its reaper wrote; empty when the run ended in order. */
  readonly reaperLog: string;
  /** When `act` was called, on the wall clock. */
  readonly actedAt: number;
  readonly report: ChildReport | undefined;
  readonly tookMs: number;
}

/** The part of a report that is looked at here. */
export interface ChildReport {
  readonly experiments: readonly {
    readonly name: string;
    readonly verdict: string;
    readonly durationMs: number;
    readonly findings: readonly { readonly source: string; readonly reason: string }[];
    readonly faults: readonly { readonly id: string; readonly healing?: { readonly what: string } }[];
  }[];
}

/**
 * Runs one file of `child/` in a vitest of its own, in a process group of its own.
 *
 * @param act called when everything is in force; ends it in some way. Missing: it ends by itself
 */
export async function runChild(
  file: string,
  families: readonly string[],
  lab: string,
  act?: (run: ChildRun) => void | Promise<void>,
): Promise<EndedRun> {
  const folder = mkdtempSync(join(tmpdir(), 'safety-'));
  const startMs = performance.now();
  const known = new Set(listRuns().map(({ folder: one }) => one));
  // the environment of the vitest that runs this must not leak into the one that it starts
  const inherited = Object.entries(process.env).filter(([key]) => !/^(VITEST|FORCE_COLOR|CNPG_CHAOS)/.test(key));
  const args = [
    '--conditions=@cnpg-chaos/source',
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    join(child, 'vitest.config.ts'),
    file,
  ];
  const process_ = spawn(process.execPath, args, {
    cwd: child,
    env: {
      ...Object.fromEntries(inherited),
      NO_COLOR: '1',
      SAFETY_FOLDER: folder,
      SAFETY_LAB: lab,
      SAFETY_FAMILIES: families.join(','),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  // a suite that is ended takes its runs along, and they heal; it must not leave the lab to them
  const end = (): void => {
    if (process_.pid !== undefined && process_.exitCode === null && process_.signalCode === null) {
      process.kill(-process_.pid, 'SIGTERM');
    }
  };
  process.once('exit', end);
  let output = '';
  for (const stream of [process_.stdout, process_.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const closed = new Promise<number | null>((resolve) => process_.once('close', resolve));
  let stored: StoredRun | undefined;
  const run: ChildRun = {
    process: process_,
    told: () => told(folder),
    output: () => output,
    stored: () =>
      (stored ??= listRuns().find((one) => !known.has(one.folder) && one.manifest.root.startsWith(child.slice(0, -1)))),
  };
  let actedAt = 0;
  let reaperLog = '';
  try {
    if (act !== undefined) {
      await until('the faults to be in force', 240_000, () => run.told().some(({ type }) => type === 'ready'), run);
      run.stored();
      actedAt = Date.now();
      await act(run);
    }
    // read while it runs: with a run that ends in order its folder goes
    const log = stored === undefined ? undefined : reaperLogPath(stored.folder);
    const reading = setInterval(() => {
      if (log !== undefined && existsSync(log)) reaperLog = readFileSync(log, 'utf8');
    }, 50);
    const code = await closed.finally(() => clearInterval(reading));
    const left = stored;
    if (left !== undefined) {
      await until('the reaper to end', 300_000, () => !isRunAlive(left), run);
      if (log !== undefined && existsSync(log)) reaperLog = readFileSync(log, 'utf8');
    }
    const reportPath = join(child, '.vitest/chaos-kit/report.json');
    const report = existsSync(reportPath) ? (JSON.parse(readFileSync(reportPath, 'utf8')) as ChildReport) : undefined;
    const records = told(folder);
    const still = left === undefined ? undefined : listRuns().find((one) => one.folder === left.folder);
    return {
      code,
      output,
      told: records,
      stored: still,
      reaperLog,
      actedAt,
      report,
      tookMs: performance.now() - startMs,
    };
  } finally {
    process.off('exit', end);
    if (process_.exitCode === null && process_.signalCode === null && process_.pid !== undefined) {
      process.kill(-process_.pid, 'SIGKILL');
    }
    rmSync(folder, { recursive: true, force: true });
    rmSync(join(child, '.vitest'), { recursive: true, force: true });
  }
}

async function until(what: string, limitMs: number, condition: () => boolean, run: ChildRun): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    const dead = run.process.exitCode !== null && what.includes('in force');
    if (dead || performance.now() > deadline) {
      throw new Error(
        `${what}: ${dead ? 'the run ended before' : `not within ${limitMs / 1000} s`}\n${run.output().slice(-6_000)}`,
      );
    }
    await sleep(50);
  }
}
