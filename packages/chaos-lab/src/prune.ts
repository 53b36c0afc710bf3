import { prune as pruneCache, type PruneOptions, type PruneResult } from './build/prune.ts';
import { tryRun } from './run.ts';

const repositories = 'cnpg-chaos.lab/*';

/** An image of the lab in the Docker engine. */
export interface EngineImage {
  repository: string;
  tag: string;
  bytes: number;
}

/**
 * Removes what neither a lab nor this checkout needs: from the cache (see the cache's own `prune`), and from the Docker
 * engine all images of the lab but the newest of each kind, or all of them with `all`. What a container uses stays.
 */
export async function prune(options: PruneOptions = {}): Promise<PruneResult> {
  const { removed, bytes } = await pruneCache(options);
  const result: PruneResult = { removed: [...removed], bytes };
  const listed = await tryRun([
    'docker',
    'images',
    '--no-trunc',
    '--format={{.Repository}} {{.Tag}} {{.Size}}',
    repositories,
  ]);
  if (listed.exitCode !== 0) return result; // without an engine there is nothing in it
  const images = parseImages(listed.stdout);
  for (const { repository, tag, bytes: size } of options.all ? images : outdated(images)) {
    const { exitCode } = await tryRun(['docker', 'image', 'rm', `${repository}:${tag}`]);
    if (exitCode !== 0) continue; // in use
    result.removed.push(`${repository}:${tag}`);
    result.bytes += size;
  }
  return result;
}

const units: Record<string, number> = { kB: 1e3, MB: 1e6, GB: 1e9 };

/** Parses `docker images`, whose newest images come first. */
export function parseImages(text: string): EngineImage[] {
  return text.split('\n').flatMap((line) => {
    const [repository, tag, size = ''] = line.split(' ');
    const [, number = '0', unit = 'B'] = /^([\d.]+)([kMG]?B)$/.exec(size) ?? [];
    return repository && tag ? [{ repository, tag, bytes: Number(number) * (units[unit] ?? 1) }] : [];
  });
}

/** All but the first image of each repository. */
export function outdated(images: readonly EngineImage[]): EngineImage[] {
  const seen = new Set<string>();
  return images.filter(({ repository }) => {
    if (seen.has(repository)) return true;
    seen.add(repository);
    return false;
  });
}
