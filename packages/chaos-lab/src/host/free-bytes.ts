import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Bytes that are free for this user on the file system of a path, which need not exist yet. */
export async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return path === dirname(path) ? Number.POSITIVE_INFINITY : freeBytes(dirname(path));
  }
}
