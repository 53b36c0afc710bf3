import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A key of 64 hex digits over named parts. Equal parts give equal keys whatever their order; names and values cannot
 * run into each other, so different parts give different keys.
 */
export function contentKey(parts: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(parts).sort()) hash.update(JSON.stringify([name, parts[name]]));
  return hash.digest('hex');
}

/** Key over the relative names and contents of all files below `dir`. Times, owners and permissions do not count. */
export async function directoryKey(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const parts: Record<string, string> = {};
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    parts[path.slice(dir.length + 1)] = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  }
  return contentKey(parts);
}
