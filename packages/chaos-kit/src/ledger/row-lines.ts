import type { Payloads } from './payload.ts';
import { TOMBSTONE_WRITER } from './table.ts';

const TAB = 9;
const MINUS = 45;
const ZERO = 48;

/** Takes one row: who wrote it, its number, and whether its payload is another than was written. */
export type OnWrittenRow = (writer: number, seq: number, changed: boolean) => void;

/** Reads the lines of one final read. */
export class RowLines {
  readonly #payloads: Payloads;
  readonly #tombstoneSeq: number;
  readonly #onRow: OnWrittenRow;
  /** Lines that are the tombstone of this very read. */
  tombstones = 0;
  #at = 0;

  /** Rows that are no tombstones are handed to `onRow`. */
  constructor(payloads: Payloads, tombstoneSeq: number, onRow: OnWrittenRow) {
    this.#payloads = payloads;
    this.#tombstoneSeq = tombstoneSeq;
    this.#onRow = onRow;
  }

  /**
   * Takes one line of COPY text, `bytes[start, end)`: writer, seq and payload, separated by tabs, ended by a newline. Throws
   * on anything else.
   */
  take(bytes: Buffer, start: number, end: number): void {
    this.#at = start;
    const writer = this.#integer(bytes, start, end);
    const seq = this.#integer(bytes, start, end);
    if (writer === TOMBSTONE_WRITER && seq <= this.#tombstoneSeq) {
      if (seq === this.#tombstoneSeq) this.tombstones++;
      return;
    }
    this.#onRow(writer, seq, !this.#payloads.matches(writer, seq, bytes, this.#at, end - 1));
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
