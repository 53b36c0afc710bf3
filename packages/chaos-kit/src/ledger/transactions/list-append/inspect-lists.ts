import type { AnomalyType } from '../isolation.ts';
import { APPEND, listOf, NEVER } from './append-history.ts';
import type { AppendHistory } from './append-history.ts';
import { appendsAgain } from './dependencies.ts';
import type { KeyHistory } from './key-history.ts';
import { listText, nameOf } from './words.ts';

/** What one pass found: how often, and the first cases in words. */
export interface Occurrences {
  readonly type: AnomalyType;
  count: number;
  readonly sentences: string[];
}

const MAX_SENTENCES = 10;

/** Collects occurrences by type. */
export class Collector {
  readonly found = new Map<AnomalyType, Occurrences>();

  add(type: AnomalyType, sentence: () => string): void {
    let at = this.found.get(type);
    if (at === undefined) this.found.set(type, (at = { type, count: 0, sentences: [] }));
    at.count++;
    if (at.sentences.length < MAX_SENTENCES) at.sentences.push(sentence());
  }
}

/** What the lists themselves show: contradictory orders, values twice or from nowhere, of failed or unfinished transactions. */
export function inspectLists(history: AppendHistory, collector: Collector): void {
  for (const key of history.keys) {
    for (const { list } of key.conflicts) {
      const at = list.findIndex((value, i) => value !== key.order[i]);
      const [before, one, other] = [list.slice(0, at), key.order[at], list[at]];
      collector.add(
        'incompatible-order',
        () =>
          `key ${key.key} was read as ${listText(key.order)} and as ${listText(list)}: after ${listText(before)} comes ${one ?? 'nothing'} in one and ${other ?? 'nothing'} in the other`,
      );
    }
    for (const list of [key.order, ...key.conflicts.map((conflict) => conflict.list)])
      inspectList(history, key, list, collector);
  }
}

function inspectList(history: AppendHistory, key: KeyHistory, list: readonly number[], collector: Collector): void {
  const seen = new Set<number>();
  for (const value of list) {
    if (seen.has(value))
      collector.add('duplicate-append', () => `${value} is twice in ${listText(list)}, read of key ${key.key}`);
    seen.add(value);
    const writer = key.writers.get(value);
    if (writer === undefined) {
      collector.add(
        'unexpected-append',
        () => `${value} was read in key ${key.key}, nobody appended it: ${listText(list)}`,
      );
    } else if (history.outcome(writer) === 'fail') {
      collector.add(
        'G1a',
        () =>
          `${value} was read in key ${key.key}; ${nameOf(history, writer)} appended it and failed (an aborted read, or a failure that was none)`,
      );
    }
  }
}

/**
 * What single transactions show: reads of unfinished writes (G1b), of other than one's own writes, of two states, and of less
 * than had been acknowledged before they began.
 */
export function inspectTransactions(history: AppendHistory, collector: Collector): void {
  const completed = history.keys.map((key) => earliestCompletions(history, key));
  for (let txn = 0; txn < history.length; txn++) {
    if (!history.acknowledged(txn)) continue;
    inspectTransaction(history, txn, completed, collector);
  }
}

function inspectTransaction(
  history: AppendHistory,
  txn: number,
  completed: readonly Int32Array[],
  collector: Collector,
): void {
  const single = history.firstOp(txn + 1) - history.firstOp(txn) === 1;
  for (let op = history.firstOp(txn); op < history.firstOp(txn + 1); op++) {
    const length = history.opValue(op);
    if (history.opKind(op) === APPEND || length < 0) continue;
    const key = history.keys[history.opKeyIndex(op)];
    if (key === undefined) continue;
    const value = key.order[length - 1];
    const writer = value === undefined ? undefined : key.writers.get(value);
    if (writer !== undefined && writer !== txn && appendsAgain(history, writer, key.index, value ?? 0)) {
      collector.add(
        'G1b',
        () =>
          `${nameOf(history, txn)} read key ${key.key} up to ${value}, which ${nameOf(history, writer)} had not left as its last word`,
      );
    }
    const earliest = completed[key.index]?.[length] ?? NEVER;
    if (earliest < history.invokedAt(txn)) {
      collector.add('stale-read', () => {
        const missed = missedAppend(history, key, length, history.invokedAt(txn));
        return `${nameOf(history, txn)} read key ${key.key} as ${listText(key.order.slice(0, length))} without ${missed.value}, although ${nameOf(history, missed.writer)} had been acknowledged before it began: look at which server it read from`;
      });
    }
  }
  if (!single) inspectWithin(history, txn, collector);
}

/** For each length of a list the earliest acknowledgement among the later versions. */
function earliestCompletions(history: AppendHistory, key: KeyHistory): Int32Array {
  const earliest = new Int32Array(key.order.length + 1).fill(NEVER);
  for (let i = key.order.length - 1; i >= 0; i--) {
    const writer = key.writers.get(key.order[i] ?? 0);
    const at = writer === undefined || !history.acknowledged(writer) ? NEVER : history.completedAt(writer);
    earliest[i] = Math.min(at, earliest[i + 1] ?? NEVER);
  }
  return earliest;
}

function missedAppend(
  history: AppendHistory,
  key: KeyHistory,
  length: number,
  before: number,
): { value: number; writer: number } {
  for (const value of key.order.slice(length)) {
    const writer = key.writers.get(value);
    if (writer !== undefined && history.acknowledged(writer) && history.completedAt(writer) < before)
      return { value, writer };
  }
  throw new RangeError(`no append to key ${key.key} was missed`);
}

/** Compares each read with the read and the appends of the same transaction to the same key before it. */
function inspectWithin(history: AppendHistory, txn: number, collector: Collector): void {
  const known = new Map<KeyHistory, { list: readonly number[] | undefined; own: number[] }>();
  for (const op of history.ops(txn)) {
    let state = known.get(op.key);
    if (state === undefined) known.set(op.key, (state = { list: undefined, own: [] }));
    if (op.kind === APPEND) {
      state.own.push(op.value);
      continue;
    }
    const list = listOf(op);
    if (list === undefined) continue;
    const { own } = state;
    const lastOwn = own.at(-1);
    if (lastOwn !== undefined && list.at(-1) !== lastOwn) {
      collector.add(
        'internal',
        () => `${nameOf(history, txn)} appended ${lastOwn} to key ${op.key.key} and then read it as ${listText(list)}`,
      );
    } else if (state.list !== undefined) {
      const expected = [...state.list, ...own];
      if (expected.length !== list.length || expected.some((value, i) => value !== list[i])) {
        collector.add(
          'non-repeatable-read',
          () => `${nameOf(history, txn)} read key ${op.key.key} as ${listText(expected)} and then as ${listText(list)}`,
        );
      }
    }
    known.set(op.key, { list, own: [] });
  }
}

/** Transactions that read the same version of a key and then both wrote it: at most one of them knew what it replaced. */
export function inspectUpdates(history: AppendHistory, collector: Collector): void {
  // per key: length that was read → those that went on to append
  const updates = history.keys.map(() => new Map<number, number[]>());
  for (let txn = 0; txn < history.length; txn++) {
    if (!history.acknowledged(txn) || history.firstOp(txn + 1) - history.firstOp(txn) < 2) continue;
    const read = new Map<number, number>();
    const written = new Set<number>();
    for (let op = history.firstOp(txn); op < history.firstOp(txn + 1); op++) {
      const key = history.opKeyIndex(op);
      if (written.has(key)) continue;
      if (history.opKind(op) !== APPEND) {
        if (!read.has(key)) read.set(key, history.opValue(op));
        continue;
      }
      written.add(key);
      const length = read.get(key);
      if (length === undefined || length < 0) continue;
      const at = updates[key];
      const same = at?.get(length);
      if (same === undefined) at?.set(length, [txn]);
      else same.push(txn);
    }
  }
  for (const [index, byLength] of updates.entries()) {
    const key = history.keys[index];
    for (const [length, txns] of byLength) {
      if (key === undefined || txns.length < 2) continue;
      const names = txns.slice(0, 5).map((txn) => nameOf(history, txn));
      collector.add(
        'lost-update',
        () =>
          `${names.join(' and ')} all read key ${key.key} as ${listText(key.order.slice(0, length))}, appended to it and committed`,
      );
    }
  }
}

/** What the final read does not show: acknowledged appends, and appends that somebody had read. */
export function inspectFinal(history: AppendHistory, collector: Collector): void {
  const { final } = history;
  if (final === undefined) return;
  for (const op of history.ops(final)) {
    const list = listOf(op);
    if (list === undefined) continue;
    const { key } = op;
    const there = new Set(list);
    const known = new Set(key.order);
    for (const [value, writer] of key.writers) {
      if (there.has(value)) continue;
      const outcome = history.outcome(writer);
      if (history.acknowledged(writer)) {
        const weak = outcome === 'ok-weak';
        collector.add(
          weak ? 'lost-append-weak' : 'lost-append',
          () =>
            `${value} is not in key ${key.key} at the end, ${listText(list)}; ${nameOf(history, writer)} had appended it and was ${weak ? 'weakly ' : ''}acknowledged${known.has(value) ? ', and it had been read' : ''}`,
        );
      } else if (outcome === 'info' && known.has(value)) {
        collector.add(
          'vanished-append',
          () =>
            `${value} had been read in key ${key.key} and is not there at the end, ${listText(list)}; the outcome of ${nameOf(history, writer)}, which appended it, is unknown`,
        );
      }
    }
  }
}
