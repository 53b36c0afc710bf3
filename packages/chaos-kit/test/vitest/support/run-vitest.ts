import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseReport } from '../../../src/report/schema.ts';
import type { Report } from '../../../src/report/schema.ts';
import { listRuns } from '../../../src/safety/run-folder.ts';
import type { StoredRun } from '../../../src/safety/run-folder.ts';
import { brokenIn } from './world.ts';

const root = fileURLToPath(new URL('../../../../../', import.meta.url));
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const config = join(root, 'packages/chaos-kit/src/vitest/config.ts');
const engines = join(root, 'packages/chaos-kit/test/vitest/support/file-engine.ts');
const support = join(root, 'packages/chaos-kit/test/vitest/support/in-process.ts');

/** A run of vitest on specs written for it. */
export interface InlineRun {
  code: number | null;
  /** What it printed, on both streams, without colours. */
  output: string;
  report: Report | undefined;
  /** Files below `.vitest/chaos-kit`, relative to it. */
  kept: string[];
  /** Faults that it left in force. */
  broken: string[];
  /** Runs whose folder is still there: something is left to undo, or nobody ended them in order. */
  leftRuns: StoredRun[];
}

/** How vitest is run. */
export interface InlineOptions {
  /** Arguments after `vitest run`. */
  args?: string[];
  env?: NodeJS.ProcessEnv;
  watch?: boolean;
  /** Run the files in this order. Missing: vitest's own. */
  sequence?: string[];
  /** Run it in a terminal of its own. */
  pty?: boolean;
  /** Run it in a process group of its own, that a signal can be sent to as a whole. */
  ownGroup?: boolean;
  /** Called once the process runs. */
  during?: (run: { child: ChildProcess; folder: string; output: () => string }) => Promise<void>;
}

/**
 * Runs vitest on spec files that are written to a new folder. In a spec, `./kit` gives `test` on a world of files, and the
 * rest of the kit's vitest entry.
 */
export async function runVitest(files: Record<string, string>, options: InlineOptions = {}): Promise<InlineRun> {
  const folder = mkdtempSync(join(tmpdir(), 'chaos-kit-'));
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    write(folder, 'package.json', '{ "type": "module" }');
    write(
      folder,
      'kit.ts',
      `export * from '@cnpg-chaos/chaos-kit/vitest';\nexport { fileBroken, neverHealthy, test } from ${JSON.stringify(support)};\n`,
    );
    write(folder, 'vitest.config.ts', configSource(options));
    for (const [name, text] of Object.entries(files)) write(folder, name, text);
    const { code, output } = await run(folder, options);
    const reportPath = join(folder, '.vitest/chaos-kit/report.json');
    const report = existsSync(reportPath) ? parseReport(readFileSync(reportPath, 'utf8')) : undefined;
    return {
      code,
      output,
      report,
      kept: filesIn(join(folder, '.vitest/chaos-kit')),
      broken: brokenIn(folder),
      leftRuns: listRuns(runsIn(folder)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the runs of an inline vitest keep their folders. */
export function runsIn(folder: string): string {
  return join(folder, 'state', 'cnpg-chaos', 'runs');
}

function filesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String) : [];
}

/** Waits until a condition holds, at most 90 s. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 90_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within 90 s`);
    await sleep(25);
  }
}

function configSource({ sequence }: InlineOptions): string {
  return `
    import { defineConfig } from 'vitest/config';
    import { BaseSequencer } from 'vitest/node';
    import { chaosReporters, defineChaosProject } from ${JSON.stringify(config)};
    const conditions = ['@cnpg-chaos/source', 'node', 'module'];
    const order = ${JSON.stringify(sequence ?? [])};
    const place = (spec) => order.findIndex((name) => spec.moduleId.endsWith('/' + name));
    class InOrder extends BaseSequencer {
      sort(specs) { return specs.toSorted((a, b) => place(a) - place(b)); }
    }
    export default defineConfig({
      resolve: { conditions },
      ssr: { resolve: { conditions } },
      environments: { __vitest__: { resolve: { conditions } } },
      test: {
        reporters: chaosReporters(),
        // The kit is loaded by Node, as an installed one is: vite would transform it again for every folder.
        server: { deps: { external: [/\\/packages\\/[^/]+\\/(src|test)\\//] } },
        sequence: { sequencer: order.length > 0 ? InOrder : BaseSequencer },
        projects: [defineChaosProject({ include: ['**/*.chaos.ts'], cluster: 'none', engines: ${JSON.stringify(engines)} })],
      },
    });`;
}

function write(folder: string, name: string, text: string): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

async function run(folder: string, options: InlineOptions): Promise<{ code: number | null; output: string }> {
  const argv = [process.execPath, vitest, options.watch ? 'watch' : 'run', ...(options.args ?? [])];
  const [command = '', ...args] = options.pty ? ['script', '-qefc', argv.join(' '), '/dev/null'] : argv;
  // The environment of the vitest that runs this must not leak into the one that it starts.
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(VITEST|CI$|GITHUB_|FORCE_COLOR|CNPG_CHAOS)/.test(key)),
  );
  const env = {
    ...inherited,
    NO_COLOR: '1',
    NODE_OPTIONS: `${inherited['NODE_OPTIONS'] ?? ''} --conditions=@cnpg-chaos/source`,
    XDG_STATE_HOME: join(folder, 'state'),
    ...options.env,
  };
  const child = spawn(command, args, {
    cwd: folder,
    env,
    stdio: [options.pty ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    detached: options.ownGroup ?? false,
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on('close', resolve);
  const watchdog = setTimeout(() => child.kill('SIGKILL'), 180_000);
  try {
    await options.during?.({ child, folder, output: () => output });
    const code = await promise;
    return { code, output };
  } finally {
    clearTimeout(watchdog);
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}
