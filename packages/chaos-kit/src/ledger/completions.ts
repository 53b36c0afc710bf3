import type { Outcome } from './outcome.ts';

/** One settled statement, as the client saw it. Times are those of the run's clock, in ms. */
export interface Completion {
  readonly writer: number;
  /** Its first write. */
  readonly seq: number;
  /** How many writes it carried, `seq` and those after it: all of them share one outcome. Default 1. */
  readonly count?: number | undefined;
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

/** A completion as it is stored, with nothing left out. */
export type StoredCompletion = Completion & { readonly count: number };

/** A completion that is filled again and again, since one for each would be most of the garbage of a run; whoever is given it copies what it keeps. */
export type CompletionSlot = { -readonly [K in keyof Completion]: Completion[K] };

/** One that says nothing yet. */
export function completionSlot(): CompletionSlot {
  // doubles from the beginning, so that filling it does not change its shape; `count` is never left out later
  return {
    writer: 0,
    seq: 0,
    count: 1,
    outcome: 'info',
    dueMs: 0.5,
    sentMs: 0.5,
    endMs: 0.5,
    origin: NO_ORIGIN,
    lsn: 0.5,
  };
}

/** Where completions can be read again that are not kept in memory. */
export interface CompletionPager {
  /** Where the completion that is being pushed comes from. */
  position(): number;
  /** Reads `count` completions again, beginning at a position. */
  read(position: number, count: number, push: (c: Completion) => void): void;
}

/** Origin of a write that no server acknowledged. */
export const NO_ORIGIN = 0xffff;

const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;
/** Chunks in memory when the others can be read again: about 18 MB. */
const RESIDENT_CHUNKS = 32;
const OUTCOMES = ['ok', 'ok-weak', 'fail', 'info'] as const satisfies readonly Outcome[];

class Chunk {
  readonly end = new Float64Array(CHUNK);
  readonly lsn = new Float64Array(CHUNK);
  readonly service = new Float32Array(CHUNK);
  readonly queue = new Float32Array(CHUNK);
  readonly seq = new Uint32Array(CHUNK);
  readonly count = new Uint16Array(CHUNK);
  readonly writer = new Uint16Array(CHUNK);
  readonly origin = new Uint16Array(CHUNK);
  readonly outcome = new Uint8Array(CHUNK);

  put(at: number, c: Completion, count: number): void {
    this.end[at] = c.endMs;
    this.lsn[at] = c.lsn;
    this.service[at] = c.endMs - c.sentMs;
    this.queue[at] = c.sentMs - c.dueMs;
    this.seq[at] = c.seq;
    this.count[at] = count;
    this.writer[at] = c.writer;
    this.origin[at] = c.origin;
    this.outcome[at] = c.outcome === 'ok' ? 0 : OUTCOMES.indexOf(c.outcome);
  }
}

/**
 * Every settled statement of a run in the order of settling, in typed arrays of 16 384 entries: growing never copies, which
 * would stall the event loop. With a pager only some of them stay in memory, so walk forwards or backwards.
 */
export class Completions {
  readonly #chunks: (Chunk | undefined)[] = [];
  /** Of each chunk: the time of its first completion, and where that can be read again. */
  readonly #firstMs: number[] = [];
  readonly #positions: number[] = [];
  readonly #pager: CompletionPager | undefined;
  /** Chunks in memory, in the order in which they came. */
  readonly #resident: number[] = [];
  #spare: Chunk | undefined;
  #length = 0;

  constructor(pager?: CompletionPager) {
    this.#pager = pager;
  }

  get length(): number {
    return this.#length;
  }

  /** `count` is the number of its writes. */
  push(c: Completion, count = c.count ?? 1): void {
    const at = this.#length & (CHUNK - 1);
    if (at === 0) {
      const number = this.#chunks.length;
      this.#firstMs.push(c.endMs);
      this.#positions.push(this.#pager?.position() ?? 0);
      this.#keep(number, this.#blank());
    }
    this.#chunk(this.#length).put(at, c, count);
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

  /** Whether the client was told that this statement succeeded. */
  acknowledged(index: number): boolean {
    return (this.#chunk(index).outcome[index & (CHUNK - 1)] ?? 3) <= 1;
  }

  at(index: number): StoredCompletion {
    const chunk = this.#chunk(index);
    const at = index & (CHUNK - 1);
    return {
      writer: chunk.writer[at] ?? 0,
      seq: chunk.seq[at] ?? 0,
      count: chunk.count[at] ?? 1,
      outcome: this.outcome(index),
      dueMs: this.dueMs(index),
      sentMs: this.sentMs(index),
      endMs: this.endMs(index),
      origin: chunk.origin[at] ?? NO_ORIGIN,
      lsn: chunk.lsn[at] ?? 0,
    };
  }

  /** Index of the first completion at or after a time; `length` when there is none. Binary search, first over the chunks. */
  firstAtOrAfter(ms: number): number {
    let low = 0;
    let high = this.#firstMs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#firstMs[middle] ?? 0) < ms) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const first = (low - 1) * CHUNK;
    high = Math.min(this.#length, first + CHUNK);
    low = first;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.endMs(middle) < ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #chunk(index: number): Chunk {
    const number = index >>> CHUNK_BITS;
    return this.#chunks[number] ?? this.#load(number, index);
  }

  #load(number: number, index: number): Chunk {
    const position = this.#positions[number];
    if (position === undefined || this.#pager === undefined)
      throw new RangeError(`completion ${index} of ${this.#length}`);
    const chunk = this.#blank();
    let at = 0;
    this.#pager.read(position, Math.min(CHUNK, this.#length - number * CHUNK), (c) => chunk.put(at++, c, c.count ?? 1));
    this.#keep(number, chunk);
    return chunk;
  }

  /** One that was given up is used again: memory outside of the heap is collected late. */
  #blank(): Chunk {
    const chunk = this.#spare ?? new Chunk();
    this.#spare = undefined;
    return chunk;
  }

  #keep(number: number, chunk: Chunk): void {
    this.#chunks[number] = chunk;
    if (this.#pager === undefined) return;
    this.#resident.push(number);
    if (this.#resident.length <= RESIDENT_CHUNKS) return;
    // never the last one, which still grows
    const oldest = this.#resident[0] === this.#chunks.length - 1 ? 1 : 0;
    for (const gone of this.#resident.splice(oldest, 1)) {
      this.#spare = this.#chunks[gone];
      this.#chunks[gone] = undefined;
    }
  }
}
