import { IntColumn } from '../int-column.ts';

/** Kinds of edges, as bits of a mask. */
export const WW = 1;
export const WR = 2;
export const RW = 4;
/** Order in real time, from a transaction to the moment after its end. */
export const RT = 8;
/** From there on: to the next moment, or to a transaction that began then. */
export const PASS = 16;

/** A directed graph with typed edges, in columns. Edges are numbered in the order in which they were added. */
export class Graph {
  readonly nodes: number;
  readonly from = new IntColumn();
  readonly to = new IntColumn();
  readonly kind = new IntColumn();
  /** What an edge is about: the number of a key. */
  readonly about = new IntColumn();
  #start: Int32Array | undefined;
  #out: Int32Array = new Int32Array(0);

  constructor(nodes: number) {
    this.nodes = nodes;
  }

  get edges(): number {
    return this.from.length;
  }

  add(from: number, to: number, kind: number, about: number): void {
    this.from.push(from);
    this.to.push(to);
    this.kind.push(kind);
    this.about.push(about);
  }

  /** Edges by the node they leave: those of node n are `out[start[n]]` to `out[start[n + 1] - 1]`. No edge may be added afterwards. */
  get adjacency(): { readonly start: Int32Array; readonly out: Int32Array } {
    if (this.#start !== undefined) return { start: this.#start, out: this.#out };
    const from = this.from.view();
    const start = new Int32Array(this.nodes + 1);
    for (const node of from) start[node + 1] = (start[node + 1] ?? 0) + 1;
    for (let n = 0; n < this.nodes; n++) start[n + 1] = (start[n + 1] ?? 0) + (start[n] ?? 0);
    const fill = start.slice();
    this.#out = new Int32Array(from.length);
    for (let edge = 0; edge < from.length; edge++) {
      const node = from[edge] ?? 0;
      this.#out[fill[node] ?? 0] = edge;
      fill[node] = (fill[node] ?? 0) + 1;
    }
    this.#start = start;
    return { start, out: this.#out };
  }
}

/** The strongly connected components that have a cycle. */
export interface Components {
  /** Component of each node; -1 for one that is on no cycle. */
  readonly of: Int32Array;
  readonly count: number;
}

/**
 * Tarjan's algorithm without recursion, over the edges whose kind is in `mask`. With `spaced` a cycle may not have two
 * read-write dependencies in a row: it then runs on states, `2 n` and `2 n + 1` for node n reached by another edge and by such a one.
 */
export function cyclicComponents(graph: Graph, mask: number, spaced = false): Components {
  const { start, out } = graph.adjacency;
  const to = graph.to.view();
  const kind = graph.kind.view();
  const shift = spaced ? 1 : 0;
  const states = graph.nodes << shift;
  const of = new Int32Array(states).fill(-1);
  // 0: not seen; otherwise the order in which it was found, negative once its component is known
  const found = new Int32Array(states);
  const low = new Int32Array(states);
  const next = new Int32Array(states);
  const path = new Int32Array(states);
  const open = new Int32Array(states);
  let depth = 0;
  let opened = 0;
  let clock = 0;
  let count = 0;
  for (let root = 0; root < states; root++) {
    if (found[root] !== 0) continue;
    path[depth++] = root;
    while (depth > 0) {
      const state = path[depth - 1] ?? 0;
      const node = state >> shift;
      if (found[state] === 0) {
        found[state] = low[state] = ++clock;
        open[opened++] = state;
        next[state] = start[node] ?? 0;
      }
      const end = start[node + 1] ?? 0;
      let at = next[state] ?? 0;
      let pushed = false;
      for (; at < end; at++) {
        const edge = out[at] ?? 0;
        const type = kind[edge] ?? 0;
        if ((type & mask) === 0 || (spaced && type === RW && (state & 1) === 1)) continue;
        const target = ((to[edge] ?? 0) << shift) | (spaced && type === RW ? 1 : 0);
        const seen = found[target] ?? 0;
        if (seen === 0) {
          path[depth++] = target;
          pushed = true;
          break;
        }
        if (seen > 0 && seen < (low[state] ?? 0)) low[state] = seen;
      }
      next[state] = pushed ? at : end;
      if (pushed) continue;
      depth--;
      const lowest = low[state] ?? 0;
      if (depth > 0) {
        const parent = path[depth - 1] ?? 0;
        if (lowest < (low[parent] ?? 0)) low[parent] = lowest;
      }
      if (lowest !== found[state]) continue;
      const single = open[opened - 1] === state;
      for (;;) {
        const member = open[--opened] ?? 0;
        found[member] = -1;
        if (!single) of[member] = count;
        if (member === state) break;
      }
      if (!single) count++;
    }
  }
  return { of, count };
}

/**
 * The fewest edges from one state to another inside a component, by breadth-first search; `undefined` when there are none, or
 * none among the first `limit` states. States are those of {@link cyclicComponents}.
 */
export function shortestPath(
  graph: Graph,
  search: { from: number; to: number; mask: number; spaced: boolean; components: Components; limit?: number },
): number[] | undefined {
  const { from, to: goal, mask, spaced, components, limit = Infinity } = search;
  const { start, out } = graph.adjacency;
  const shift = spaced ? 1 : 0;
  const inside = components.of[from];
  if (from === goal) return [];
  const by = new Map<number, Step>();
  const settled = new Set<number>();
  // states by their distance; a way through moments counts as one edge
  let level = [from];
  for (let distance = 0; level.length > 0; distance++) {
    const farther: number[] = [];
    for (let head = 0; head < level.length; head++) {
      const state = level[head] ?? 0;
      if (settled.has(state)) continue;
      if (state === goal) return trace(by, from, goal);
      if (settled.add(state).size > limit) return undefined;
      const node = state >> shift;
      for (let at = start[node] ?? 0; at < (start[node + 1] ?? 0); at++) {
        const edge = out[at] ?? 0;
        const type = graph.kind.at(edge);
        if ((type & mask) === 0 || (spaced && type === RW && (state & 1) === 1)) continue;
        const target = (graph.to.at(edge) << shift) | (spaced && type === RW ? 1 : 0);
        const reached = distance + (type === PASS ? 0 : 1);
        if (target === from || components.of[target] !== inside || reached >= (by.get(target)?.distance ?? Infinity))
          continue;
        by.set(target, { edge, before: state, distance: reached });
        (type === PASS ? level : farther).push(target);
      }
    }
    level = farther;
  }
  return undefined;
}

interface Step {
  readonly edge: number;
  readonly before: number;
  readonly distance: number;
}

function trace(by: ReadonlyMap<number, Step>, from: number, goal: number): number[] {
  const edges: number[] = [];
  for (let state = goal; state !== from;) {
    const step = by.get(state);
    if (step === undefined) throw new RangeError(`no step to state ${state}`);
    edges.push(step.edge);
    state = step.before;
  }
  return edges.toReversed();
}
