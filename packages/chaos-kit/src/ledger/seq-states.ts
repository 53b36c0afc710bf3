import type { Outcome } from './outcome.ts';

/** State of one sequence number of a writer. */
export type SeqState = 'never' | 'pending' | Outcome;

const STATES = ['never', 'pending', 'ok', 'ok-weak', 'fail', 'info'] as const satisfies readonly SeqState[];
const CODES = Object.fromEntries(STATES.map((state, code) => [state, code])) as Record<SeqState, number>;
const NO_COPIES: Uint8Array = new Uint8Array(0);

/**
 * What is known of each sequence number of one writer: one byte in a typed array that grows by doubling. Numbers are
 * handed out without holes, so the array is dense. The final read keeps its tally of copies in a second one.
 */
export class SeqStates {
  #codes = new Uint8Array(1024);
  #next = 0;
  #reserved = 0;
  #copies = NO_COPIES;

  /** How many numbers were handed out; the next one. */
  get length(): number {
    return this.#next;
  }

  /** Hands out the next number and marks it pending. */
  begin(): number {
    if (this.#next === this.#codes.length) {
      const grown = new Uint8Array(this.#codes.length * 2);
      grown.set(this.#codes);
      this.#codes = grown;
    }
    this.#codes[this.#next] = CODES.pending;
    return this.#next++;
  }

  /** Settles a pending number, once: an outcome is never revised. */
  settle(seq: number, outcome: Outcome): void {
    if (this.state(seq) !== 'pending') throw new RangeError(`seq ${seq} is ${this.state(seq)}, not pending`);
    this.#codes[seq] = CODES[outcome];
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
    return Math.max(this.#next, this.#reserved);
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
