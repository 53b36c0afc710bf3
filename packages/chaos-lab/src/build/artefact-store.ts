import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { CacheLayout } from './cache-dir.ts';
import { withLock } from './process-lock.ts';

const metadataSchema = z.object({
  component: z.string(),
  key: z.string(),
  builtAt: z.string(),
  elapsedMs: z.number(),
  /** Versions of what is inside, as resolved when it was built. */
  versions: z.record(z.string(), z.string()),
  /** Image reference, when the artefact holds an image. */
  ref: z.string().optional(),
  /** Bytes of each file. */
  files: z.record(z.string(), z.number()),
});

/** What is known about an artefact; `meta.json` beside its files. */
export type ArtefactMetadata = z.infer<typeof metadataSchema>;

/** A finished component in the cache. */
export interface Artefact {
  dir: string;
  metadata: ArtefactMetadata;
}

/** What a build says about its result. */
export interface BuildFacts {
  versions: Record<string, string>;
  ref?: string;
  /** Names of the files in the build directory that make the artefact. Others are dropped. */
  files: string[];
}

/** Options of `ensureArtefact`. */
export interface EnsureOptions {
  signal?: AbortSignal | undefined;
  /** Called when another process is building the same artefact. */
  onWait?: (pid: number) => void;
}

const metadataFile = 'meta.json';

/** The artefact of this key when it is complete: every file of its metadata is there with its size. */
export async function findArtefact(layout: CacheLayout, component: string, key: string): Promise<Artefact | undefined> {
  const dir = join(layout.artefacts, component, key);
  try {
    const metadata = metadataSchema.parse(JSON.parse(await readFile(join(dir, metadataFile), 'utf8')));
    for (const [name, bytes] of Object.entries(metadata.files)) {
      if ((await stat(join(dir, name))).size !== bytes) return undefined;
    }
    return { dir, metadata };
  } catch {
    return undefined;
  }
}

/**
 * Finds the artefact or builds it. `build` works in a directory of its own that becomes the artefact in one rename;
 * when it throws, nothing stays. Two processes do not build the same thing: the second waits for the first.
 */
export async function ensureArtefact(
  layout: CacheLayout,
  component: string,
  key: string,
  build: (dir: string) => Promise<BuildFacts>,
  options: EnsureOptions = {},
): Promise<{ artefact: Artefact; cached: boolean }> {
  const found = await findArtefact(layout, component, key);
  if (found) return { artefact: found, cached: true };
  return withLock(
    join(layout.locks, `${component}-${key}`),
    async () => {
      const builtMeanwhile = await findArtefact(layout, component, key);
      if (builtMeanwhile) return { artefact: builtMeanwhile, cached: true };
      return { artefact: await buildArtefact(layout, component, key, build), cached: false };
    },
    options,
  );
}

async function buildArtefact(
  layout: CacheLayout,
  component: string,
  key: string,
  build: (dir: string) => Promise<BuildFacts>,
): Promise<Artefact> {
  const work = join(layout.tmp, `${component}-${key}`);
  await rm(work, { recursive: true, force: true }); // of a process that was killed; the lock is ours
  await mkdir(work, { recursive: true });
  try {
    const startedAt = performance.now();
    const facts = await build(work);
    const staged = join(work, '.artefact');
    await mkdir(staged);
    const files: Record<string, number> = {};
    for (const name of facts.files) {
      await rename(join(work, name), join(staged, name));
      files[name] = (await stat(join(staged, name))).size;
    }
    const metadata: ArtefactMetadata = {
      component,
      key,
      builtAt: new Date().toISOString(),
      elapsedMs: Math.round(performance.now() - startedAt),
      versions: facts.versions,
      ...(facts.ref === undefined ? {} : { ref: facts.ref }),
      files,
    };
    await writeFile(join(staged, metadataFile), JSON.stringify(metadata, undefined, 2));
    const dir = join(layout.artefacts, component, key);
    await mkdir(join(layout.artefacts, component), { recursive: true });
    await rm(dir, { recursive: true, force: true }); // an incomplete one
    await rename(staged, dir);
    return { dir, metadata };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
