import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheLayout } from '../build/cache-dir.ts';
import { hasGo } from '../build/go-toolchain.ts';
import { withLock } from '../build/process-lock.ts';
import { runCommand } from '../build/run-command.ts';
import type { Progress } from '../progress.ts';
import { pingEngine } from './docker-engine.ts';
import { freeBytes } from './free-bytes.ts';
import { HostError } from './host-error.ts';
import {
  allRequirements,
  goOrPip,
  neededInotifyInstances,
  planHost,
  type HostFacts,
  type HostNeed,
  type Requirement,
} from './host-plan.ts';

const inotifyInstances = '/proc/sys/fs/inotify/max_user_instances';
const engineData = '/var/lib/docker';
const engineStartMs = 60_000;

/** Options of `ensureHost`. */
export interface EnsureHostOptions {
  progress: Progress;
  need: readonly HostNeed[];
  signal?: AbortSignal | undefined;
}

/**
 * Makes the machine ready: installs missing packages (as root on Debian and Ubuntu), starts a Docker engine when none
 * answers (as root), raises the inotify limit.
 * @throws HostError before anything is touched, naming all that is wrong and the command that helps
 */
export async function ensureHost(options: EnsureHostOptions): Promise<void> {
  const { progress, signal } = options;
  const plan = planHost(await lookAround(options.need, signal), options.need);
  if (plan.install.length > 0) {
    const log = await logFile('apt-get');
    const title = `installing ${plan.install.join(' ')}`;
    await progress.step(title, () => installPackages(plan.install, log, signal), { log });
  }
  if (plan.startEngine) {
    const log = await logFile('dockerd');
    await progress.step('starting the Docker engine', () => startEngine(log, signal), { log });
  }
  if (plan.raiseInotify) {
    await writeFile(inotifyInstances, String(neededInotifyInstances));
    progress.note(`fs.inotify.max_user_instances raised to ${neededInotifyInstances}`);
  }
}

async function lookAround(needs: readonly HostNeed[], signal: AbortSignal | undefined): Promise<HostFacts> {
  const found = new Set<string>();
  for (const it of allRequirements) {
    if (it.neededFor.some((need) => needs.includes(need)) && (await isFound(it, signal))) found.add(it.name);
  }
  let engineProblem: string | undefined;
  try {
    if (process.platform === 'linux') await pingEngine(signal);
  } catch (error) {
    engineProblem = error instanceof Error ? error.message : String(error);
  }
  return {
    platform: process.platform,
    arch: process.arch,
    isRoot: process.getuid?.() === 0,
    found,
    hasApt: await isOnPath('apt-get'),
    engineAnswers: engineProblem === undefined,
    engineProblem,
    freeBytes: Math.min(await freeBytes(cacheLayout().root), await freeBytes(engineData)),
    freeTmpBytes: await freeBytes(tmpdir()),
    inotifyInstances: Number(await readFile(inotifyInstances, 'utf8').catch(() => '0')),
  };
}

async function isFound(it: Requirement, signal: AbortSignal | undefined): Promise<boolean> {
  if (it === goOrPip) return (await hasGo(cacheLayout(), signal)) || (await hasPip(signal));
  return it.looksFor.startsWith('/') ? isReadable(it.looksFor) : isOnPath(it.looksFor);
}

async function hasPip(signal: AbortSignal | undefined): Promise<boolean> {
  return runCommand(['python3', '-m', 'pip', '--version'], { signal }).then(
    () => true,
    () => false,
  );
}

async function isReadable(path: string, mode = constants.R_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

// A user's PATH often lacks the directories of the system's programs.
async function isOnPath(program: string): Promise<boolean> {
  for (const dir of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    if (dir && (await isReadable(join(dir, program), constants.X_OK))) return true;
  }
  return false;
}

async function logFile(name: string): Promise<string> {
  const { logs } = cacheLayout();
  await mkdir(logs, { recursive: true });
  return join(logs, `${name}.log`);
}

async function installPackages(
  packages: readonly string[],
  log: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const run = { log, signal, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages] as const;
  const lists = await readdir('/var/lib/apt/lists').catch((): string[] => []);
  let updated = false;
  if (!lists.some((name) => name.includes('_Packages'))) {
    await runCommand(['apt-get', 'update'], run);
    updated = true;
  }
  try {
    await runCommand([...install], run);
  } catch (error) {
    // Old lists name versions that the mirror no longer has.
    if (updated) throw error;
    await runCommand(['apt-get', 'update'], run);
    await runCommand([...install], run);
  }
}

async function startEngine(log: string, signal: AbortSignal | undefined): Promise<void> {
  await withLock(
    join(cacheLayout().locks, 'dockerd'),
    async () => {
      // Its package, or another process, may have started it.
      if (await answers(signal)) return;
      const output = await open(log, 'a');
      try {
        const engine = spawn('dockerd', [], {
          detached: true,
          stdio: ['ignore', output.fd, output.fd],
          env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin` },
        });
        let ended: string | undefined;
        engine.on('error', (error) => (ended = error.message));
        engine.on('exit', (code) => (ended = `it ended with ${code}`));
        engine.unref();
        const deadline = performance.now() + engineStartMs;
        while (!(await answers(signal))) {
          if (ended) throw new HostError([`dockerd does not run: ${ended}; see ${log}`]);
          if (performance.now() > deadline) {
            throw new HostError([`dockerd did not answer within ${engineStartMs / 1000} s; see ${log}`]);
          }
          await sleep(200, undefined, { signal });
        }
      } finally {
        await output.close();
      }
    },
    { signal },
  );
}

async function answers(signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await pingEngine(signal);
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}
