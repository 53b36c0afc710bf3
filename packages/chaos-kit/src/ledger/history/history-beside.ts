import { setImmediate as turn } from 'node:timers/promises';
import type { FinalHistory } from '../final-read.ts';
import type { RunRecord } from '../run-record.ts';
import type { HistoryReading, StoredRun } from './replay.ts';

/** Tombstones of a stored run are numbered by its age, so that each verification uses new ones. A tenth of a second is less than the pause between two attempts. */
const TOMBSTONE_MS = 100;
/** So many records are read before anything else is done: the most that are read in about 100 ms. */
const AT_ONCE = 1_000_000;
/** So many are read between two looks at the sockets: less than a millisecond, in which no server fills what the system keeps for us. */
const BETWEEN = 8192;

/**
 * The history of a run while its table is read. A short one is known before the server is touched. The rest of a long one is
 * read in the time in which the final read waits for the server.
 */
export class HistoryBeside implements FinalHistory {
  readonly systemIdentifier: string | undefined;
  readonly whole: Promise<StoredRun>;
  #record: RunRecord | undefined;
  #tombstones: number;

  /** @throws HistoryError for what is found damaged at once; what is found later rejects `whole`. */
  constructor(reading: HistoryReading, atOnce = AT_ONCE) {
    const { systemIdentifier, startedAt } = reading.manifest;
    this.systemIdentifier = systemIdentifier;
    this.#tombstones = Math.floor((Date.now() - Date.parse(startedAt)) / TOMBSTONE_MS);
    const run = reading.advance(atOnce);
    this.#record = run?.record;
    this.whole = run === undefined ? this.#goOn(reading) : Promise.resolve(run);
    // whoever needs it waits for it, but maybe later than it fails
    this.whole.catch(() => undefined);
  }

  get record(): RunRecord | undefined {
    return this.#record;
  }

  nextTombstone(): number {
    this.#tombstones = Math.max(this.#tombstones, this.#record?.tombstones ?? 0);
    return this.#tombstones++;
  }

  async #goOn(reading: HistoryReading): Promise<StoredRun> {
    for (;;) {
      await turn();
      const run = reading.advance(BETWEEN);
      if (run === undefined) continue;
      this.#record = run.record;
      return run;
    }
  }
}
