import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Experiments whose files stay when a run begins; a minute at the default rate takes about 5 MB. */
const KEPT = 50;

/** Either of them tells that a folder is that of a test. */
const ours = ['history.bin', 'dump.txt', 'problems.txt'];

/** Removes the histories, dumps and logs of all but the last experiments from the folder of the run log. Touches nothing else there. */
export function removeOldHistories(folder: string, kept = KEPT): void {
  const histories = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => {
      const dir = join(folder, name);
      const stats = ours
        .map((file) => statSync(join(dir, file), { throwIfNoEntry: false }))
        .find((it) => it !== undefined);
      return stats === undefined ? [] : [{ dir, writtenMs: stats.mtimeMs }];
    });
  for (const { dir } of histories.toSorted((a, b) => b.writtenMs - a.writtenMs).slice(kept)) {
    rmSync(dir, { recursive: true, force: true });
  }
}
