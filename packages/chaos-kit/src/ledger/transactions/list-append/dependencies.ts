import { IntColumn } from '../int-column.ts';
import { APPEND, READ } from './append-history.ts';
import type { AppendHistory } from './append-history.ts';
import { Graph, PASS, RT, RW, WR, WW } from './graph.ts';
import type { KeyHistory } from './key-history.ts';

/**
 * Which transactions certainly committed: the acknowledged ones, and those of unknown outcome of which somebody read an
 * append. An unknown one that nobody saw may or may not have happened, so nothing is concluded from it.
 */
export function committedTransactions(history: AppendHistory): Uint8Array {
  const committed = new Uint8Array(history.length);
  for (let txn = 0; txn < history.length; txn++) if (history.acknowledged(txn)) committed[txn] = 1;
  const seen = (key: KeyHistory, list: readonly number[]): void => {
    for (const value of list) {
      const writer = key.writers.get(value);
      if (writer !== undefined && history.outcome(writer) === 'info') committed[writer] = 1;
    }
  };
  for (const key of history.keys) {
    seen(key, key.order);
    for (const { list } of key.conflicts) seen(key, list);
  }
  return committed;
}

/** Appends that nobody read are after all that were; a reader of a whole list precedes at most this many of them explicitly. */
const MAX_UNREAD = 16;

/**
 * The graph of a history. Nodes below `history.length` are transactions, the others moments between an end and a later begin,
 * which carry the order in real time with three edges per transaction instead of one per pair.
 */
export function dependencyGraph(history: AppendHistory, committed: Uint8Array): Graph {
  const moments = momentsOf(history, committed);
  const graph = new Graph(history.length + moments.count);
  // per key: the committed writer of each version, -1 where there is none, and the next version that has one
  const writers: Int32Array[] = [];
  const unread: number[][] = [];
  for (const key of history.keys) {
    const of = new Int32Array(key.order.length);
    let last = -1;
    for (let i = 0; i < of.length; i++) {
      const writer = key.writers.get(key.order[i] ?? 0) ?? -1;
      of[i] = writer >= 0 && committed[writer] === 1 ? writer : -1;
      if (of[i] === -1) continue;
      if (last >= 0 && last !== writer) graph.add(last, writer, WW, key.index);
      last = writer;
    }
    writers.push(of);
    const later = unreadAppends(key, committed);
    for (const writer of later) if (last >= 0 && last !== writer) graph.add(last, writer, WW, key.index);
    unread.push(later);
  }
  for (let txn = 0; txn < history.length; txn++) {
    if (!history.acknowledged(txn)) continue;
    for (let op = history.firstOp(txn); op < history.firstOp(txn + 1); op++) {
      const length = history.opValue(op);
      if (history.opKind(op) !== READ || length < 0) continue;
      const key = history.opKeyIndex(op);
      const of = writers[key] ?? new Int32Array(0);
      const writer = length === 0 ? -1 : (of[length - 1] ?? -1);
      if (writer >= 0 && writer !== txn) graph.add(writer, txn, WR, key);
      let next = length;
      while (next < of.length && of[next] === -1) next++;
      const overwriter = of[next];
      if (overwriter !== undefined) {
        if (overwriter !== txn) graph.add(txn, overwriter, RW, key);
        continue;
      }
      for (const later of unread[key] ?? []) if (later !== txn) graph.add(txn, later, RW, key);
    }
  }
  moments.connect(graph);
  return graph;
}

/** Committed transactions with an append to a key that nobody read; in a key with contradictory reads nothing is certain. */
function unreadAppends(key: KeyHistory, committed: Uint8Array): number[] {
  if (key.writers.size === key.order.length || key.conflicts.length > 0) return [];
  const read = new Set(key.order);
  const unread = new Set<number>();
  for (const [value, writer] of key.writers) {
    if (read.has(value) || committed[writer] !== 1) continue;
    if (unread.add(writer).size === MAX_UNREAD) break;
  }
  return [...unread];
}

/** Order in real time: every end leads to the next moment, every moment to the one after it and to the begins that follow it. */
function momentsOf(history: AppendHistory, committed: Uint8Array): { count: number; connect(graph: Graph): void } {
  const from = new IntColumn();
  const to = new IntColumn();
  let count = 0;
  let current = -1;
  let pending = -1;
  for (const event of history.events.view()) {
    const txn = Math.abs(event) - 1;
    if (committed[txn] !== 1) continue;
    if (event < 0) {
      if (!history.acknowledged(txn)) continue;
      if (pending < 0) {
        pending = history.length + count++;
        if (current >= 0) {
          from.push(current);
          to.push(pending);
        }
      }
      from.push(txn);
      to.push(pending);
    } else {
      if (pending >= 0) current = pending;
      pending = -1;
      if (current < 0) continue;
      from.push(current);
      to.push(txn);
    }
  }
  return {
    count,
    connect(graph) {
      for (let i = 0; i < from.length; i++) {
        graph.add(from.at(i), to.at(i), from.at(i) < history.length ? RT : PASS, -1);
      }
    },
  };
}

/** Whether the transaction appends again to the same key after this operation. */
export function appendsAgain(history: AppendHistory, txn: number, key: number, value: number): boolean {
  let passed = false;
  for (let op = history.firstOp(txn); op < history.firstOp(txn + 1); op++) {
    if (history.opKind(op) !== APPEND || history.opKeyIndex(op) !== key) continue;
    if (passed) return true;
    if (history.opValue(op) === value) passed = true;
  }
  return false;
}
