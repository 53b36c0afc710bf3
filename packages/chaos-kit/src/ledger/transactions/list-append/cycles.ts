import type { AnomalyType } from '../isolation.ts';
import { cyclicComponents, Graph, PASS, RT, RW, shortestPath, WR, WW } from './graph.ts';
import type { Components } from './graph.ts';

/** A cycle of transactions: each precedes the next, and the last the first, for the reason given. */
export interface Cycle {
  readonly type: AnomalyType;
  readonly steps: readonly CycleStep[];
}

/** Why one transaction of a cycle precedes the next. */
export interface CycleStep {
  readonly from: number;
  readonly to: number;
  readonly kind: typeof WW | typeof WR | typeof RW | typeof RT;
  /** Number of the key it is about; -1 for the order in real time. */
  readonly key: number;
}

/** What a cycle may consist of, gravest first. Each has an exact test: a strongly connected component is a proof. */
const CLASSES = [
  { mask: WW, critical: WW, spaced: false },
  { mask: WW | WR, critical: WR, spaced: false },
  { mask: WW | WR | RW, critical: RW, spaced: true },
  { mask: WW | WR | RW, critical: RW, spaced: false },
] as const;

/** How many edges of a component are tried for a short cycle, and how many cycles of a type are kept of it. */
const MAX_TRIED = 64;
const MAX_KEPT = 10;
/** States that a search for a short cycle may visit. */
const SHORT_SEARCH = 20_000;

/**
 * Finds cycles in the graph of `transactions` first nodes, shortest first within each component and type. Whether there is one of
 * a class is exact; how many are listed is bounded. Cycles that need the order in real time are looked for where no
 * graver or equal one exists without it.
 */
export function findCycles(graph: Graph, transactions: number): Cycle[] {
  const all = cyclicComponents(graph, WW | WR | RW | RT | PASS);
  if (all.count === 0) return [];
  const cycles: Cycle[] = [];
  for (const part of split(graph, all.of, all.count)) {
    let gravest: number = CLASSES.length;
    for (const [i, { mask, critical, spaced }] of CLASSES.entries()) {
      const found = cyclesThrough(part, { mask, critical, spaced, transactions });
      if (found.length > 0) gravest = Math.min(gravest, i);
      cycles.push(...found);
    }
    for (const [i, { mask, spaced }] of CLASSES.entries()) {
      if (i >= gravest) break;
      const found = cyclesThrough(part, { mask: mask | RT | PASS, critical: RT, spaced, transactions });
      cycles.push(...found);
      if (found.length > 0) break;
    }
  }
  return cycles;
}

/** A component as a graph of its own, with the numbers its nodes have in the whole. */
interface Part {
  readonly graph: Graph;
  readonly nodes: readonly number[];
}

function split(graph: Graph, of: Int32Array, count: number): Part[] {
  const nodes: number[][] = Array.from({ length: count }, () => []);
  const local = new Int32Array(of.length);
  for (let n = 0; n < of.length; n++) {
    const list = nodes[of[n] ?? -1];
    if (list !== undefined) local[n] = list.push(n) - 1;
  }
  const parts = nodes.map((list) => ({ graph: new Graph(list.length), nodes: list }));
  for (let e = 0; e < graph.edges; e++) {
    const [from, to] = [graph.from.at(e), graph.to.at(e)];
    const component = of[from] ?? -1;
    if (component < 0 || component !== of[to]) continue;
    parts[component]?.graph.add(local[from] ?? 0, local[to] ?? 0, graph.kind.at(e), graph.about.at(e));
  }
  return parts;
}

function cyclesThrough(
  { graph, nodes }: Part,
  search: { mask: number; critical: number; spaced: boolean; transactions: number },
): Cycle[] {
  const { mask, critical, spaced, transactions } = search;
  const components = cyclicComponents(graph, mask, spaced);
  if (components.count === 0) return [];
  const found = new Map<string, Cycle>();
  const candidates: number[] = [];
  for (let e = 0; e < graph.edges && candidates.length < MAX_TRIED; e++) {
    if (graph.kind.at(e) !== critical) continue;
    if (endsOf(graph, e, spaced, components) !== undefined) candidates.push(e);
  }
  const short = candidates.flatMap((e) => {
    const way = cycleThrough(graph, e, { mask, spaced, components, limit: SHORT_SEARCH });
    return way === undefined ? [] : [way];
  });
  const [first] = candidates;
  // every candidate is on a cycle, however long
  const long =
    short.length > 0 || first === undefined ? undefined : cycleThrough(graph, first, { mask, spaced, components });
  for (const way of long === undefined ? short : [long]) {
    const steps = fromFirst(collapse(graph, way, nodes, transactions));
    const type = classify(steps);
    // found by its weaker test too: it is listed as what it is, once
    if (type === undefined || (critical === RW && !spaced && !type.startsWith('G2'))) continue;
    const name = steps.map(({ from }) => from).join(' ');
    if (!found.has(name)) found.set(name, { type, steps });
  }
  return [...found.values()].toSorted((a, b) => a.steps.length - b.steps.length).slice(0, MAX_KEPT);
}

/** The states between which an edge that lies on a cycle leads. */
function endsOf(graph: Graph, edge: number, spaced: boolean, components: Components): [number, number] | undefined {
  const [from, to] = [graph.from.at(edge), graph.to.at(edge)];
  const rw = graph.kind.at(edge) === RW;
  const end = !spaced ? to : 2 * to + (rw ? 1 : 0);
  // a read-write dependency may only follow another kind; an edge of another kind may follow either
  for (const start of !spaced ? [from] : rw ? [2 * from] : [2 * from, 2 * from + 1]) {
    const component = components.of[start] ?? -1;
    if (component >= 0 && component === components.of[end]) return [start, end];
  }
  return undefined;
}

function cycleThrough(
  graph: Graph,
  edge: number,
  search: { mask: number; spaced: boolean; components: Components; limit?: number },
): number[] | undefined {
  const ends = endsOf(graph, edge, search.spaced, search.components);
  if (ends === undefined) return undefined;
  const back = shortestPath(graph, { ...search, from: ends[1], to: ends[0] });
  return back === undefined ? undefined : [edge, ...back];
}

/** Replaces the ways through moments by single steps from transaction to transaction. */
function collapse(graph: Graph, way: readonly number[], nodes: readonly number[], transactions: number): CycleStep[] {
  const steps: CycleStep[] = [];
  // begin with an edge that leaves a transaction
  const first = way.findIndex((e) => (nodes[graph.from.at(e)] ?? 0) < transactions);
  const turned = [...way.slice(first), ...way.slice(0, first)];
  let leftBy: number | undefined;
  for (const e of turned) {
    const [from, to] = [nodes[graph.from.at(e)] ?? 0, nodes[graph.to.at(e)] ?? 0];
    const kind = kindOf(graph.kind.at(e));
    if (from < transactions) leftBy = from;
    if (to < transactions && leftBy !== undefined) steps.push({ from: leftBy, to, kind, key: graph.about.at(e) });
  }
  return steps;
}

function kindOf(kind: number): CycleStep['kind'] {
  if (kind === PASS) return RT;
  if (kind === WW || kind === WR || kind === RW || kind === RT) return kind;
  throw new RangeError(`edge kind ${kind}`);
}

function classify(steps: readonly CycleStep[]): AnomalyType | undefined {
  if (steps.length < 2) return undefined;
  const kinds = steps.map(({ kind }) => kind);
  const anti = kinds.filter((kind) => kind === RW).length;
  const adjacent = kinds.some((kind, i) => kind === RW && kinds[(i + 1) % kinds.length] === RW);
  const type =
    anti === 0 ? (kinds.includes(WR) ? 'G1c' : 'G0') : anti === 1 ? 'G-single' : adjacent ? 'G2-item' : 'G-nonadjacent';
  return kinds.includes(RT) ? `${type}-realtime` : type;
}

/** Turned so that it begins with the earliest transaction. */
function fromFirst(steps: readonly CycleStep[]): CycleStep[] {
  const nodes = steps.map(({ from }) => from);
  const first = nodes.indexOf(Math.min(...nodes));
  return [...steps.slice(first), ...steps.slice(0, first)];
}

/** Whether every step in real time joins transactions of one process. */
export function withinProcesses(cycle: Cycle, process: (txn: number) => number): boolean {
  return cycle.steps.every(({ kind, from, to }) => kind !== RT || process(from) === process(to));
}
