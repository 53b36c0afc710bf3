import type { RunRecord } from './run-record.ts';

/** A row of the table that no writer of ours ever attempted. */
export interface ForeignRow {
  readonly writer: number;
  readonly seq: number;
}

/** How many examples a verification keeps of each kind of finding. */
export const MAX_EXAMPLES = 100;

/** Counts the rows of one final read against what was attempted, in constant memory. A new read needs a new tally. */
export class Tally {
  readonly #record: RunRecord;
  /** Lines that are not tombstones. */
  rows = 0;
  unexpected = 0;
  duplicated = 0;
  corrupted = 0;
  readonly foreign: ForeignRow[] = [];
  readonly changed: ForeignRow[] = [];

  constructor(record: RunRecord) {
    this.#record = record;
    for (const states of record.writers) states.clearCopies();
  }

  /** Takes one row that is no tombstone. */
  add(writer: number, seq: number, changed: boolean): void {
    this.rows++;
    const states = this.#record.writers[writer];
    const copies = states?.countCopy(seq) ?? 0;
    if (copies === 0) {
      this.unexpected++;
      if (this.foreign.length < MAX_EXAMPLES) this.foreign.push({ writer, seq });
      return;
    }
    if (copies > 1) this.duplicated++;
    if (changed) {
      this.corrupted++;
      if (this.changed.length < MAX_EXAMPLES) this.changed.push({ writer, seq });
    }
  }
}
