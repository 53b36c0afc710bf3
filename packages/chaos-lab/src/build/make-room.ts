import { access, rm } from 'node:fs/promises';
import { freeBytes } from '../host/free-bytes.ts';
import type { CacheLayout } from './cache-dir.ts';

/**
 * Free bytes below which Go's build cache is given up. All components together leave 6 GB in it, and one of them needs
 * up to 2.5 GB; a lab then needs about 3 GB for its images and volumes.
 */
export const roomForWork = 5 * 1024 ** 3;

/**
 * Removes Go's build cache when the disk gets tight: components share little of it, and it only makes later builds
 * faster. Returns whether it did.
 */
export async function makeRoom(
  layout: CacheLayout,
  free: (path: string) => Promise<number> = freeBytes,
): Promise<boolean> {
  if ((await free(layout.root)) >= roomForWork) return false;
  const exists = await access(layout.goBuildCache).then(
    () => true,
    () => false,
  );
  if (exists) await rm(layout.goBuildCache, { recursive: true, force: true });
  return exists;
}
