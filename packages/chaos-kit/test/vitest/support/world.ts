import { readdirSync } from 'node:fs';

/** Faults that are in force in a world of files: a file `broken-<id>` each. */
export function brokenIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith('broken-'));
}
