import { join } from 'node:path';
import { readObservations } from '../../observers/observation-file.ts';
import { judgeRun, judgeUnread } from '../judge-run.ts';
import type { LedgerVerification } from '../judge-run.ts';
import { Tally } from '../tally.ts';
import { HISTORY_FILES } from './format.ts';
import { HistoryError } from './history-error.ts';
import { readHistory } from './replay.ts';
import type { StoredRun } from './replay.ts';
import { readRows } from './rows-file.ts';

/** A stored run with its verdict. */
export interface StoredVerification {
  readonly run: StoredRun;
  readonly verification: LedgerVerification;
}

/**
 * Judges a stored run again, by the rows that its final read found. Without them the run is inconclusive.
 * @throws HistoryError for files that are missing, foreign, damaged or of different runs.
 */
export function verifyStored(dir: string): StoredVerification {
  const startMs = performance.now();
  const run = readHistory(dir);
  const { record, manifest } = run;
  const { table } = manifest.options;
  const tally = new Tally(record);
  const seen = { observations: readObservations(dir), clockUncertaintyMs: manifest.clock?.uncertaintyMs };
  const facts = readRows(dir, (writer, seq, changed) => tally.add(writer, seq, changed));
  if (facts === undefined) {
    const reason = 'no final read was kept with the history: the run ended before one, or none succeeded';
    return { run, verification: withNotes(judgeUnread(record, reason, seen, startMs), run) };
  }
  if (facts.table !== table) {
    const file = join(dir, HISTORY_FILES.rows);
    throw new HistoryError(file, undefined, `holds the rows of table ${facts.table}; those of ${table} would be right`);
  }
  const verification = judgeRun(record, { ...facts, tally }, seen, startMs);
  return { run, verification: withNotes(verification, run) };
}

/** Adds what there is to know about the history itself. */
export function withNotes(verification: LedgerVerification, run: StoredRun): LedgerVerification {
  const notes = [...verification.notes];
  if (run.state === 'running') {
    const { inFlight } = run.record;
    notes.push(
      `the history was not ended: its process was killed or still runs; ${inFlight} writes were under way and count as unknown`,
    );
  }
  if (run.cutBytes > 0)
    notes.push(`the last ${run.cutBytes} bytes of the history are no whole record and were left out`);
  return { ...verification, notes };
}
