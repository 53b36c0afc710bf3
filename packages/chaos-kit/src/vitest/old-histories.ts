import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Experiments whose histories stay when a run begins; a minute at the default rate takes about 5 MB. */
const KEPT = 50;

/** Removes the histories of all but the last experiments from the folder of the run log. Touches nothing else there. */
export function removeOldHistories(folder: string, kept = KEPT): void {
  const histories = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const dir = join(folder, name);
      const stats = statSync(join(dir, 'history.bin'), { throwIfNoEntry: false });
      return stats === undefined ? [] : [{ dir, writtenMs: stats.mtimeMs }];
    });
  for (const { dir } of histories.toSorted((a, b) => b.writtenMs - a.writtenMs).slice(kept)) {
    rmSync(dir, { recursive: true, force: true });
  }
}
