import type { Outcome } from '../../outcome.ts';
import { IntColumn } from '../int-column.ts';
import { KeyHistory } from './key-history.ts';

/** One operation of a transaction: appends a value that is unique for its key, or reads a key's list. */
export type AppendOp = readonly ['append', key: number, value: number] | readonly ['read', key: number];

/** A list that was read: the first `from` elements of the longest list of that key known before, then `tail`. */
export interface ListRead {
  readonly from: number;
  readonly tail: readonly number[];
}

/** Kinds of operations in the columns of a history. */
export const READ = 0;
export const APPEND = 1;

/** What a read found, when it is not the length of a list: the transaction did not get that far, or is not known to have committed. */
const NOT_READ = -(2 ** 31);

/** Position of a completion that never came. */
export const NEVER = 2 ** 31 - 1;

const OUTCOMES = ['ok', 'ok-weak', 'fail', 'info'] as const satisfies readonly Outcome[];
const OPEN = 4;

/** One operation with what it found. */
export interface OpView {
  readonly kind: typeof READ | typeof APPEND;
  readonly key: KeyHistory;
  /** The value appended. */
  readonly value: number;
  /** Length of the list read, when it is the beginning of the key's order. */
  readonly length: number | undefined;
  /** The list read, when it is not. */
  readonly conflict: readonly number[] | undefined;
}

/**
 * Every transaction of a list-append run in the order of its events. A read that agrees with what is known of its key is kept
 * as a length, so memory does not depend on how long lists are.
 */
export class AppendHistory {
  readonly keys: KeyHistory[] = [];
  /** Events in their order: `t + 1` for the begin of transaction t, `-(t + 1)` for its end. */
  readonly events = new IntColumn();
  /** The transaction that read every key after all others had ended. */
  final: number | undefined;
  readonly #keyIndex = new Map<number, KeyHistory>();
  readonly #process = new IntColumn();
  readonly #outcome = new IntColumn();
  readonly #invokedAt = new IntColumn();
  readonly #completedAt = new IntColumn();
  readonly #opStart = new IntColumn();
  readonly #opKind = new IntColumn();
  readonly #opKey = new IntColumn();
  readonly #opValue = new IntColumn();
  readonly #where = new Map<number, string>();

  constructor() {
    this.#opStart.push(0);
  }

  /** How many transactions there are. */
  get length(): number {
    return this.#process.length;
  }

  /** Notes a transaction that is about to be sent; returns its number. @throws RangeError when a value of a key is used twice. */
  begin(process: number, ops: readonly AppendOp[]): number {
    const txn = this.#process.push(process);
    this.#outcome.push(OPEN);
    this.#invokedAt.push(this.events.push(txn + 1));
    this.#completedAt.push(NEVER);
    for (const op of ops) {
      const key = this.#key(op[1]);
      this.#opKey.push(key.index);
      if (op[0] === 'append') {
        key.appends(op[2], txn);
        this.#opKind.push(APPEND);
        this.#opValue.push(op[2]);
      } else {
        this.#opKind.push(READ);
        this.#opValue.push(NOT_READ);
      }
    }
    this.#opStart.push(this.#opKind.length);
    return txn;
  }

  /**
   * Notes the end of a transaction. `reads` are what its reads found, in their order; they count only when it committed.
   * Returns them in the shortest form.
   *
   * @throws RangeError when it had ended already, or a read refers to more than is known of its key.
   */
  complete(txn: number, outcome: Outcome, reads: readonly ListRead[] = []): ListRead[] {
    if (this.#outcome.at(txn) !== OPEN || txn >= this.length) {
      throw new RangeError(`transaction ${txn} is not open, so it cannot end as ${outcome}`);
    }
    this.#outcome.set(txn, OUTCOMES.indexOf(outcome));
    const at = this.events.push(-(txn + 1));
    if (outcome === 'info' || outcome === 'fail') {
      if (outcome === 'fail') this.#completedAt.set(txn, at);
      return [];
    }
    this.#completedAt.set(txn, at);
    const short: ListRead[] = [];
    for (let op = this.#opStart.at(txn); op < this.#opStart.at(txn + 1); op++) {
      if (this.#opKind.at(op) !== READ) continue;
      const read = reads[short.length];
      if (read === undefined) throw new RangeError(`transaction ${txn} committed with ${reads.length} reads, too few`);
      const found = this.#keyAt(op).learn(read);
      this.#opValue.set(op, found.value);
      short.push(found.short);
    }
    return short;
  }

  /** Says where a process was connected to, for explanations. */
  connected(process: number, where: string): void {
    this.#where.set(process, where);
  }

  where(process: number): string | undefined {
    return this.#where.get(process);
  }

  /** The history of one key; `undefined` when no transaction touched it. */
  key(key: number): KeyHistory | undefined {
    return this.#keyIndex.get(key);
  }

  process(txn: number): number {
    return this.#process.at(txn);
  }

  /** A transaction that has no end counts as unknown. */
  outcome(txn: number): Outcome {
    return OUTCOMES[this.#outcome.at(txn)] ?? 'info';
  }

  acknowledged(txn: number): boolean {
    return this.#outcome.at(txn) <= 1;
  }

  /** Position of the begin among all events. */
  invokedAt(txn: number): number {
    return this.#invokedAt.at(txn);
  }

  /** Position of the end; `NEVER` when it is not known to have ended. */
  completedAt(txn: number): number {
    return this.#completedAt.at(txn);
  }

  /** First operation of a transaction; those up to `firstOp(txn + 1)` are its own. */
  firstOp(txn: number): number {
    return this.#opStart.at(txn);
  }

  opKind(op: number): number {
    return this.#opKind.at(op);
  }

  opKeyIndex(op: number): number {
    return this.#opKey.at(op);
  }

  /** The value of an append, or the length of a list that was read; negative when that is not known or not compatible. */
  opValue(op: number): number {
    return this.#opValue.at(op);
  }

  ops(txn: number): OpView[] {
    const ops: OpView[] = [];
    for (let op = this.#opStart.at(txn); op < this.#opStart.at(txn + 1); op++) {
      const key = this.#keyAt(op);
      const value = this.#opValue.at(op);
      if (this.#opKind.at(op) === APPEND) {
        ops.push({ kind: APPEND, key, value, length: undefined, conflict: undefined });
      } else {
        const length = value >= 0 ? value : undefined;
        const conflict = value < 0 && value !== NOT_READ ? key.conflicts[-1 - value]?.list : undefined;
        ops.push({ kind: READ, key, value: 0, length, conflict });
      }
    }
    return ops;
  }

  #key(key: number): KeyHistory {
    let found = this.#keyIndex.get(key);
    if (found === undefined) {
      found = new KeyHistory(key, this.keys.length);
      this.keys.push(found);
      this.#keyIndex.set(key, found);
    }
    return found;
  }

  #keyAt(op: number): KeyHistory {
    const key = this.keys[this.#opKey.at(op)];
    if (key === undefined) throw new RangeError(`operation ${op} has no key`);
    return key;
  }
}

/** What a read found; `undefined` when it is not known. */
export function listOf(op: OpView): readonly number[] | undefined {
  return op.length === undefined ? op.conflict : op.key.order.slice(0, op.length);
}
