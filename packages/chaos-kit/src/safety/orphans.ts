import { waitFor, WaitTimeoutError } from '@cnpg-chaos/cnpg-utils';
import { SteadyStateError } from '../experiment/experiment-error.ts';
import { describeUndo } from './journal/describe-undo.ts';
import { readJournal } from './journal/read-journal.ts';
import { isAlive } from './process-identity.ts';
import { readRun } from './run-folder.ts';

/**
 * Waits until nothing is open any more in the journals of workers of this run that died: the reaper is healing it.
 *
 * @param runFolder folder of the run
 * @throws SteadyStateError naming what is still to be undone.
 */
export async function waitForOrphans(
  runFolder: string,
  options: { timeoutMs: number; signal?: AbortSignal; intervalMs?: number },
): Promise<void> {
  try {
    await waitFor(
      'the faults of a worker that died to be healed',
      (_signal, probe) => {
        const orphans = (readRun(runFolder)?.journals ?? [])
          .map((path) => readJournal(path))
          .filter(
            ({ header, open, ended }) => open.length > 0 && !ended && header !== undefined && !isAlive(header.owner),
          );
        if (orphans.length === 0) return Promise.resolve(true);
        probe.observe(orphans.flatMap(({ open }) => open.map(describeUndo)).join(', '));
        return Promise.resolve(undefined);
      },
      { intervalMs: 250, ...options },
    );
  } catch (cause) {
    if (!(cause instanceof WaitTimeoutError)) throw cause;
    throw new SteadyStateError(
      `what a worker of this run left when it died is not healed, so nothing was broken: ${cause.lastObserved}`,
      { cause },
    );
  }
}
