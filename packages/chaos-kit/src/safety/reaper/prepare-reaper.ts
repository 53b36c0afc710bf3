import { labControl } from '../../provider/lab.ts';
import { StoredClusters } from '../heal-stored.ts';
import { loadEngines } from '../load-engines.ts';
import type { RunManifest } from '../run-folder.ts';
import { Reaper } from './reaper.ts';

/** Loads everything that healing will need, so that it can begin at once. */
export async function prepareReaper(
  folder: string,
  { access, enginesModule }: RunManifest,
  log: (line: string) => void,
): Promise<Reaper & AsyncDisposable> {
  const engines = await loadEngines(enginesModule);
  const clusters = new StoredClusters();
  if (access?.labName !== undefined) {
    await labControl(access.labName)
      .machines()
      .catch((error: unknown) => log(String(error)));
  }
  const reaper = new Reaper({ folder, engines, clusters, log });
  return Object.assign(reaper, { [Symbol.asyncDispose]: () => clusters[Symbol.asyncDispose]() });
}
