import type { Payloads } from './payload.ts';
import type { RunRecord } from './run-record.ts';
import { TOMBSTONE_WRITER } from './table.ts';

/** A row of the table that no writer of ours ever attempted. */
export interface ForeignRow {
  readonly writer: number;
  readonly seq: number;
}

/** How many examples a verification keeps of each kind of finding. */
export const MAX_EXAMPLES = 100;

const TAB = 9;
const MINUS = 45;
const ZERO = 48;

/** Counts the rows of one final read against what was attempted, in constant memory. A new read needs a new tally. */
export class Tally {
  readonly #record: RunRecord;
  readonly #payloads: Payloads;
  readonly #tombstoneSeq: number;
  /** Lines that are not tombstones. */
  rows = 0;
  /** Lines that are the tombstone of this very read. */
  tombstones = 0;
  unexpected = 0;
  duplicated = 0;
  corrupted = 0;
  readonly foreign: ForeignRow[] = [];
  readonly changed: ForeignRow[] = [];
  #at = 0;

  constructor(record: RunRecord, payloads: Payloads, tombstoneSeq: number) {
    this.#record = record;
    this.#payloads = payloads;
    this.#tombstoneSeq = tombstoneSeq;
    for (const states of record.writers) states.clearCopies();
  }

  /**
   * Takes one line of COPY text, `bytes[start, end)`: writer, seq and payload, separated by tabs, ended by a newline. Throws
   * on anything else. Hands rows that are no tombstones on.
   */
  row(bytes: Buffer, start: number, end: number, keep?: (writer: number, seq: number, changed: boolean) => void): void {
    this.#at = start;
    const writer = this.#integer(bytes, start, end);
    const seq = this.#integer(bytes, start, end);
    if (writer === TOMBSTONE_WRITER && seq <= this.#tombstoneSeq) {
      if (seq === this.#tombstoneSeq) this.tombstones++;
      return;
    }
    const changed = !this.#payloads.matches(writer, seq, bytes, this.#at, end - 1);
    keep?.(writer, seq, changed);
    this.add(writer, seq, changed);
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

  #integer(bytes: Buffer, start: number, end: number): number {
    let at = this.#at;
    const negative = bytes[at] === MINUS;
    if (negative) at++;
    let value = 0;
    while (at < end) {
      const byte = bytes[at++] ?? 0;
      if (byte === TAB) {
        this.#at = at;
        return negative ? -value : value;
      }
      if (byte < ZERO || byte > ZERO + 9) break;
      value = value * 10 + (byte - ZERO);
    }
    const line = bytes.toString('utf8', start, Math.min(end, start + 80));
    throw new Error(`unreadable row in the final read: ${JSON.stringify(line)}`);
  }
}
