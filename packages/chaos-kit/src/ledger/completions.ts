import type { Outcome } from './outcome.ts';

/** One settled write, as the client saw it. Times are `performance.now()` of this process, in ms. */
export interface Completion {
  readonly writer: number;
  readonly seq: number;
  readonly outcome: Outcome;
  /** When it became due; in a closed loop the moment the writer was free. */
  readonly dueMs: number;
  /** When it was handed to the socket; when it failed before that, when the attempt to connect began. */
  readonly sentMs: number;
  /** When it was settled. Never smaller than that of the completion before. */
  readonly endMs: number;
  /** Index into the origins of the run; `NO_ORIGIN` when no server answered. */
  readonly origin: number;
  /** WAL position at which the server began the row, a little before that of its commit; 0 when unknown. */
  readonly lsn: number;
}

/** Origin of a write that no server acknowledged. */
export const NO_ORIGIN = 0xffff;

const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;
const OUTCOMES = ['ok', 'ok-weak', 'fail', 'info'] as const satisfies readonly Outcome[];

class Chunk {
  readonly end = new Float64Array(CHUNK);
  readonly lsn = new Float64Array(CHUNK);
  readonly service = new Float32Array(CHUNK);
  readonly queue = new Float32Array(CHUNK);
  readonly seq = new Uint32Array(CHUNK);
  readonly writer = new Uint16Array(CHUNK);
  readonly origin = new Uint16Array(CHUNK);
  readonly outcome = new Uint8Array(CHUNK);
}

/**
 * Every settled write of a run in the order of settling, 33 bytes each, in typed arrays of 16 384 entries: growing never
 * copies, which would stall the event loop whose stalls we have to exclude.
 */
export class Completions {
  readonly #chunks: Chunk[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(c: Completion): void {
    const at = this.#length & (CHUNK - 1);
    if (at === 0) this.#chunks.push(new Chunk());
    const chunk = this.#chunk(this.#length);
    chunk.end[at] = c.endMs;
    chunk.lsn[at] = c.lsn;
    chunk.service[at] = c.endMs - c.sentMs;
    chunk.queue[at] = c.sentMs - c.dueMs;
    chunk.seq[at] = c.seq;
    chunk.writer[at] = c.writer;
    chunk.origin[at] = c.origin;
    chunk.outcome[at] = OUTCOMES.indexOf(c.outcome);
    this.#length++;
  }

  endMs(index: number): number {
    return this.#chunk(index).end[index & (CHUNK - 1)] ?? 0;
  }

  sentMs(index: number): number {
    return this.endMs(index) - (this.#chunk(index).service[index & (CHUNK - 1)] ?? 0);
  }

  dueMs(index: number): number {
    return this.sentMs(index) - (this.#chunk(index).queue[index & (CHUNK - 1)] ?? 0);
  }

  outcome(index: number): Outcome {
    return OUTCOMES[this.#chunk(index).outcome[index & (CHUNK - 1)] ?? 3] ?? 'info';
  }

  /** Whether the client was told that this write succeeded. */
  acknowledged(index: number): boolean {
    return (this.#chunk(index).outcome[index & (CHUNK - 1)] ?? 3) <= 1;
  }

  at(index: number): Completion {
    const chunk = this.#chunk(index);
    const at = index & (CHUNK - 1);
    return {
      writer: chunk.writer[at] ?? 0,
      seq: chunk.seq[at] ?? 0,
      outcome: this.outcome(index),
      dueMs: this.dueMs(index),
      sentMs: this.sentMs(index),
      endMs: this.endMs(index),
      origin: chunk.origin[at] ?? NO_ORIGIN,
      lsn: chunk.lsn[at] ?? 0,
    };
  }

  /** Index of the first completion at or after a time; `length` when there is none. Binary search. */
  firstAtOrAfter(ms: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.endMs(middle) < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #chunk(index: number): Chunk {
    const chunk = this.#chunks[index >>> CHUNK_BITS];
    if (chunk === undefined) throw new RangeError(`completion ${index} of ${this.#length}`);
    return chunk;
  }
}
