import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import { accessSchema } from './journal/journal-record.ts';

/**
 * Folder of all runs of this user: `$XDG_STATE_HOME/cnpg-chaos/runs`, by default below `~/.local/state`. What is to be
 * undone in a cluster must outlive the checkout that the run was started from, and every checkout must find it.
 */
export function runsDir(): string {
  const base = process.env['XDG_STATE_HOME'];
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.local', 'state'), 'cnpg-chaos', 'runs');
}

const processIdentity = z.object({ pid: z.int().positive(), started: z.string().optional() });

const manifestSchema = z.object({
  version: z.literal(1),
  runId: z.string(),
  startedAt: z.iso.datetime(),
  host: z.string(),
  /** Folder that `chaos.config.ts` was looked for in. */
  root: z.string(),
  /** The process that runs the specs. */
  runner: processIdentity,
  /** Missing: the run is connected to no cluster. */
  access: accessSchema.optional(),
  /** Namespaces that the run may take for itself. */
  namespaces: z.array(z.string()).readonly(),
  /** Module whose export `engines` is used instead of the kit's. */
  enginesModule: z.string().optional(),
});

/** What is known of a run from its start on. */
export type RunManifest = z.infer<typeof manifestSchema>;

/** A run as it is found on this machine. */
export interface StoredRun {
  readonly folder: string;
  readonly manifest: RunManifest;
  /** Paths of its journals. */
  readonly journals: readonly string[];
}

/** Its existence says that the run is over, whatever its workers think: they break nothing any more. */
export function overPath(folder: string): string {
  return join(folder, 'over');
}

/** Whoever creates it ends the run: everything is healed, measuring goes on for a minute, the verdict is `aborted`. */
export function stopFilePath(folder: string): string {
  return join(folder, 'stop');
}

/** What the reaper did. */
export function reaperLogPath(folder: string): string {
  return join(folder, 'reaper.log');
}

/** Who the reaper is. */
export function reaperIdentityPath(folder: string): string {
  return join(folder, 'reaper.json');
}

/** Journal of one experiment. */
export function journalPath(folder: string, experimentId: string): string {
  return join(folder, `${experimentId}${journalSuffix}`);
}

const journalSuffix = '.journal';
const manifestName = 'run.json';

/** Makes the folder of a run. @returns its path */
export function createRunFolder(
  manifest: Omit<RunManifest, 'version' | 'host' | 'startedAt'>,
  runs = runsDir(),
): string {
  const folder = join(runs, manifest.runId);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const whole: RunManifest = { version: 1, host: hostname(), startedAt: new Date().toISOString(), ...manifest };
  writeFileSync(join(folder, manifestName), `${JSON.stringify(whole, undefined, 2)}\n`, { mode: 0o600 });
  return folder;
}

/** Reads one run. Undefined: there is none, or not one of this version. */
export function readRun(folder: string): StoredRun | undefined {
  const path = join(folder, manifestName);
  if (!existsSync(path)) return undefined;
  const result = manifestSchema.safeParse(parse(readFileSync(path, 'utf8')));
  if (!result.success) return undefined;
  const journals = readdirSync(folder)
    .filter((name) => name.endsWith(journalSuffix))
    .map((name) => join(folder, name));
  return { folder, manifest: result.data, journals };
}

/** All runs that left a folder, the oldest first. */
export function listRuns(runs = runsDir()): StoredRun[] {
  if (!existsSync(runs)) return [];
  return readdirSync(runs)
    .flatMap((name) => readRun(join(runs, name)) ?? [])
    .toSorted((a, b) => a.manifest.startedAt.localeCompare(b.manifest.startedAt));
}

/** Whether a run, or the process that heals after it, is still at work. One of another machine counts as alive: its Lease knows better. */
export function isRunAlive({ folder, manifest }: StoredRun): boolean {
  if (manifest.host !== hostname()) return true;
  if (isAlive(manifest.runner)) return true;
  const reaper = reaperOf(folder);
  return reaper !== undefined && isAlive(reaper);
}

/** The process that heals after a run, alive or not. */
export function reaperOf(folder: string): ProcessIdentity | undefined {
  const path = reaperIdentityPath(folder);
  if (!existsSync(path)) return undefined;
  return processIdentity.safeParse(parse(readFileSync(path, 'utf8'))).data;
}

/** Removes the folder of a run that left nothing to undo. */
export function removeRunFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
