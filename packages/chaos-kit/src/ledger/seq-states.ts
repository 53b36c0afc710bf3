import type { Outcome } from './outcome.ts';

/** State of one sequence number of a writer. */
export type SeqState = 'never' | 'pending' | Outcome;

const STATES = ['never', 'pending', 'ok', 'ok-weak', 'fail', 'info'] as const satisfies readonly SeqState[];
const CODES = Object.fromEntries(STATES.map((state, code) => [state, code])) as Record<SeqState, number>;
const NO_COPIES: Uint8Array = new Uint8Array(0);

/** The numbers of one writer. They are handed out without holes, one statement's worth at a time. */
export interface SeqBook {
  /** How many numbers were handed out; the next one. */
  readonly length: number;
  /** Hands out the next numbers, marks them pending and returns the first. */
  begin(count: number): number;
  /** Settles what `begin` handed out last, once: an outcome is never revised. @throws RangeError */
  settle(seq: number, outcome: Outcome): void;
  /** How many numbers the pending statement that begins with this one has; 0 when it is not pending. */
  pendingFrom(seq: number): number;
}

/** Only counts, so that a run of any length needs no memory. */
export class SeqCounter implements SeqBook {
  #next = 0;
  #pending = 0;

  get length(): number {
    return this.#next;
  }

  begin(count: number): number {
    const seq = this.#next;
    this.#next += count;
    this.#pending = count;
    return seq;
  }

  settle(seq: number, _outcome: Outcome): void {
    if (this.pendingFrom(seq) === 0) throw new RangeError(`seq ${seq} is not pending`);
    this.#pending = 0;
  }

  pendingFrom(seq: number): number {
    return seq + this.#pending === this.#next ? this.#pending : 0;
  }
}

/**
 * What is known of each sequence number of one writer: one byte in a typed array that grows by doubling. The final read
 * keeps its tally of copies in a second one.
 */
export class SeqStates implements SeqBook {
  readonly #counter = new SeqCounter();
  #codes = new Uint8Array(1024);
  #reserved = 0;
  #copies = NO_COPIES;

  get length(): number {
    return this.#counter.length;
  }

  begin(count = 1): number {
    const seq = this.#counter.begin(count);
    if (this.length > this.#codes.length) {
      const grown = new Uint8Array(Math.max(this.length, this.#codes.length * 2));
      grown.set(this.#codes);
      this.#codes = grown;
    }
    this.#mark(seq, count, CODES.pending);
    return seq;
  }

  settle(seq: number, outcome: Outcome): void {
    const count = this.pendingFrom(seq);
    if (count === 0) throw new RangeError(`seq ${seq} is ${this.state(seq)}, not pending`);
    this.#counter.settle(seq, outcome);
    this.#mark(seq, count, CODES[outcome]);
  }

  pendingFrom(seq: number): number {
    return this.#counter.pendingFrom(seq);
  }

  #mark(seq: number, count: number, code: number): void {
    // `fill` costs more than all the rest where there is but one
    if (count === 1) this.#codes[seq] = code;
    else this.#codes.fill(code, seq, seq + count);
  }

  /** The state of a number; `never` when it was not handed out. */
  state(seq: number): SeqState {
    return STATES[this.#codes[seq] ?? 0] ?? 'never';
  }

  /** Numbers up to `bound` may have been handed out without anybody having been able to note it: their rows are no strangers. */
  reserve(bound: number): void {
    this.#reserved = Math.max(this.#reserved, bound);
  }

  /** One past the last number that may have been handed out. */
  get bound(): number {
    return Math.max(this.length, this.#reserved);
  }

  /** Forgets the tally of an earlier read. */
  clearCopies(): void {
    this.#copies = new Uint8Array(this.bound);
  }

  /** Counts a row that was read and returns how many copies there are now (255 means 255 or more), 0 when the number was never handed out. */
  countCopy(seq: number): number {
    if (seq < 0 || seq >= this.#copies.length) return 0;
    const copies = Math.min((this.#copies[seq] ?? 0) + 1, 255);
    this.#copies[seq] = copies;
    return copies;
  }

  /** Copies found by the current read. */
  copies(seq: number): number {
    return this.#copies[seq] ?? 0;
  }
}
