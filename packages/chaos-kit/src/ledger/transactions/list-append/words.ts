import { APPEND, listOf } from './append-history.ts';
import type { AppendHistory } from './append-history.ts';
import type { Cycle, CycleStep } from './cycles.ts';
import { RT, RW, WR, WW } from './graph.ts';

const SHOWN = 6;

/** A list with its end, where the news is. */
export function listText(list: readonly number[]): string {
  const hidden = list.length - SHOWN;
  return hidden <= 0 ? `[${list.join(', ')}]` : `[${hidden} more, ${list.slice(-SHOWN).join(', ')}]`;
}

/** A transaction by its number, its process, and the server that this was connected to. */
export function nameOf(history: AppendHistory, txn: number): string {
  const process = history.process(txn);
  const where = history.where(process);
  return `T${txn} (process ${process}${where === undefined ? '' : ` at ${where}`})`;
}

/** What a transaction did, such as `append 7:3, read 8 → [1, 2]`. */
function deedsOf(history: AppendHistory, txn: number): string {
  const ops = history.ops(txn).map((op) => {
    if (op.kind === APPEND) return `append ${op.key.key}:${op.value}`;
    const list = listOf(op);
    return `read ${op.key.key} → ${list === undefined ? 'unknown' : listText(list)}`;
  });
  return ops.length > 8 ? `${ops.slice(0, 8).join(', ')}, …` : ops.join(', ');
}

/** A cycle in words: why each transaction precedes the next, then what they did. */
export function explainCycle(history: AppendHistory, cycle: Cycle): string {
  const why = cycle.steps.map((step) => reason(history, step));
  const names = [...cycle.steps.map(({ from }) => `T${from}`), `T${cycle.steps[0]?.from}`];
  const deeds = cycle.steps.map(({ from }) => `${nameOf(history, from)}: ${deedsOf(history, from)}`);
  return `${names.join(' → ')}, which is no order: ${why.join('; ')}. ${deeds.join('. ')}`;
}

function reason(history: AppendHistory, { from, to, kind, key: index }: CycleStep): string {
  const key = history.keys[index];
  if (kind === RT || key === undefined) return `T${from} had been acknowledged before T${to} began`;
  const appended = history.ops(to).findLast((op) => op.kind === APPEND && op.key === key)?.value;
  if (kind === WW) {
    const of = valuesOf(history, from, index);
    const next = valuesOf(history, to, index);
    const at = key.order.findIndex((value, i) => of.has(value) && next.has(key.order[i + 1] ?? NaN));
    if (at < 0)
      return `T${to} appended ${appended} to key ${key.key} after what T${from} appended, in the order of its lists`;
    return `T${to} appended ${key.order[at + 1]} to key ${key.key} right after ${key.order[at]} of T${from}`;
  }
  const reader = kind === WR ? to : from;
  const writes = valuesOf(history, kind === WR ? from : to, index);
  for (const op of history.ops(reader)) {
    if (op.kind === APPEND || op.key !== key || op.length === undefined) continue;
    const list = key.order.slice(0, op.length);
    const last = list.at(-1);
    if (kind === WR && last !== undefined && writes.has(last)) {
      return `T${to} read key ${key.key} as ${listText(list)}, where ${last} is of T${from}`;
    }
    if (kind === RW && !list.some((value) => writes.has(value))) {
      return `T${from} read key ${key.key} as ${listText(list)}, without ${[...writes].join(', ')} of T${to}`;
    }
    if (kind === RW && writes.has(key.order[op.length] ?? NaN)) {
      return `T${from} read key ${key.key} as ${listText(list)}, just before ${key.order[op.length]} of T${to}`;
    }
  }
  return `T${from} precedes T${to} in key ${key.key}`;
}

function valuesOf(history: AppendHistory, txn: number, key: number): Set<number> {
  const values = new Set<number>();
  for (const op of history.ops(txn)) if (op.kind === APPEND && op.key.index === key) values.add(op.value);
  return values;
}
