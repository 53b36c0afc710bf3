import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { imagesOf, removeImage } from '../host/index.ts';
import type { Progress } from '../progress.ts';
import { architectureOf } from './architecture.ts';
import { cacheLayout } from './cache-dir.ts';
import { planComponents } from './component-plan.ts';
import { imagePrefix, shownKey } from './image-assembly.ts';
import { isLocked } from './process-lock.ts';
import { runCommand } from './run-command.ts';
import { componentOf, imageNames } from './types.ts';

/** Options of `prune`. */
export interface PruneOptions {
  /** Names each thing that is removed. */
  progress?: Progress;
  /** Also what this checkout's lab is made of. Default false: only what it no longer needs. */
  all?: boolean;
}

/** What was removed. */
export interface PruneResult {
  /** Paths, and names of images that the Docker engine had. */
  removed: string[];
  /** Bytes that the paths took. */
  bytes: number;
}

/**
 * Removes artefacts and images of the Docker engine that this checkout's components no longer name, leftovers of ended
 * builds, and Go's caches, which only a new build needs. Another checkout may have to build again what it uses.
 */
export async function prune(options: PruneOptions = {}): Promise<PruneResult> {
  const layout = cacheLayout();
  const keep = options.all ? new Set<string>() : await neededKeys();
  const result: PruneResult = { removed: [], bytes: 0 };
  const drop = async (path: string): Promise<void> => {
    const bytes = await diskUsage(path);
    await rm(path, { recursive: true, force: true });
    result.removed.push(path);
    result.bytes += bytes;
    options.progress?.note(`removed ${path} (${Math.round(bytes / 1e6)} MB)`);
  };
  for (const component of await list(layout.artefacts)) {
    for (const key of await list(join(layout.artefacts, component))) {
      if (!keep.has(`${component}/${key}`)) await drop(join(layout.artefacts, component, key));
    }
  }
  result.removed.push(...(await dropEngineImages(keep)));
  // A build that is under way holds its lock: it must not lose its work directory or the caches that it uses.
  if (await anyHeld(layout.locks)) return result;
  for (const path of [layout.tmp, layout.goModCache, layout.goBuildCache]) if (await exists(path)) await drop(path);
  if (options.all && (await exists(layout.goToolchain))) await drop(layout.goToolchain);
  return result;
}

// An image that the engine has is loaded again from the cache when it is needed. Images in use stay.
async function dropEngineImages(keep: ReadonlySet<string>): Promise<string[]> {
  const neededKeys = [...keep].map((entry) => entry.split('/')[1]?.slice(0, shownKey));
  const images = await imagesOf(imagePrefix).catch((): string[] => []); // no engine, no images
  const removed: string[] = [];
  for (const ref of images) {
    if (!neededKeys.some((key) => key && ref.endsWith(key)) && (await removeImage(ref))) removed.push(ref);
  }
  return removed;
}

async function neededKeys(): Promise<Set<string>> {
  const architecture = architectureOf(process.arch);
  if (!architecture) return new Set();
  const planned = await planComponents(imageNames.map(componentOf), architecture);
  return new Set(planned.map(({ component, key }) => `${component.name}/${key}`));
}

async function anyHeld(locks: string): Promise<boolean> {
  for (const name of await list(locks)) if (await isLocked(join(locks, name))) return true;
  return false;
}

async function list(dir: string): Promise<string[]> {
  return readdir(dir).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

// du, because it counts hundreds of thousands of files of a Go cache in a second.
async function diskUsage(path: string): Promise<number> {
  const output = await runCommand(['du', '-s', '-B1', path]);
  return Number.parseInt(output, 10) || 0;
}
