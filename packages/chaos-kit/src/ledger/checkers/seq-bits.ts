import type { RunRecord } from '../run-record.ts';

/** A set of sequence numbers of one writer below a bound, a bit each. Rows of higher numbers are strangers, and not kept. */
export class SeqBits {
  readonly #bound: number;
  #bytes = new Uint8Array(128);
  /** Highest number in it; -1 when it is empty. */
  highest = -1;

  constructor(bound: number) {
    this.#bound = bound;
  }

  add(seq: number): void {
    if (seq >= this.#bound) return;
    const at = seq >>> 3;
    if (at >= this.#bytes.length) {
      const grown = new Uint8Array(Math.max(at + 1, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[at] = (this.#bytes[at] ?? 0) | (1 << (seq & 7));
    if (seq > this.highest) this.highest = seq;
  }

  has(seq: number): boolean {
    return seq >= 0 && ((this.#bytes[seq >>> 3] ?? 0) & (1 << (seq & 7))) !== 0;
  }
}

/** One set per writer. */
export class WriterBits {
  readonly #writers: readonly SeqBits[];

  constructor(record: RunRecord) {
    this.#writers = record.writers.map(({ bound }) => new SeqBits(bound));
  }

  of(writer: number): SeqBits {
    const bits = this.#writers[writer];
    if (bits === undefined) throw new RangeError(`writer ${writer} of ${this.#writers.length}`);
    return bits;
  }
}
