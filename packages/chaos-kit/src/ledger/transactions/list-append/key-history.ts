import type { ListRead } from './append-history.ts';

/** What is known of one key: who appended what, and the order in which reads show it. */
export class KeyHistory {
  readonly key: number;
  /** Number of this key in its history. */
  readonly index: number;
  /** The longest list that was read; the order of the versions. Grows at the end only. */
  readonly order: number[] = [];
  /** Lists that were read and that are neither a beginning nor a continuation of `order`. */
  readonly conflicts: { readonly list: readonly number[] }[] = [];
  /** Value → the transaction that tried to append it. */
  readonly writers = new Map<number, number>();

  constructor(key: number, index: number) {
    this.key = key;
    this.index = index;
  }

  appends(value: number, txn: number): void {
    const other = this.writers.get(value);
    if (other !== undefined) {
      throw new RangeError(`transactions ${other} and ${txn} both append ${value} to key ${this.key}`);
    }
    this.writers.set(value, txn);
  }

  /** Compares a list with what is known and takes over what is new. `value`: its length, or `-1 - i` for conflict i. */
  learn(read: ListRead): { value: number; short: ListRead } {
    const { order } = this;
    const { from, tail } = read;
    if (from > order.length) {
      throw new RangeError(`a read of key ${this.key} begins with ${from} elements, only ${order.length} are known`);
    }
    const length = from + tail.length;
    const known = order.length;
    for (let i = 0; i < tail.length && from + i < known; i++) {
      if (order[from + i] === tail[i]) continue;
      const list = [...order.slice(0, from), ...tail];
      return { value: -this.conflicts.push({ list }), short: { from: 0, tail: list } };
    }
    for (let at = Math.max(known, from); at < length; at++) order.push(tail[at - from] ?? 0);
    return { value: length, short: { from: Math.min(known, length), tail: tail.slice(Math.max(0, known - from)) } };
  }
}
