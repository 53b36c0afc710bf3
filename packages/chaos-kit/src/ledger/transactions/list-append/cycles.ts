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

/** How many edges are tried for a short cycle: in one component, and in all of a class. */
const MAX_TRIED = { component: 64, all: 2000 } as const;
/** States that a search for a short cycle may visit. */
const SHORT_SEARCH = 20_000;

/**
 * Finds cycles in the graph of `transactions` first nodes, gravest class first, then shortest first. Whether there is one of a class
 * is exact; how many are listed is bounded. Cycles that need the order in real time are looked for where no graver or
 * equal one exists without it.
 */
export function findCycles(whole: Graph, transactions: number): Cycle[] {
  const all = cyclicComponents(whole, WW | WR | RW | RT | PASS);
  if (all.count === 0) return [];
  const part = cyclicPart(whole, all);
  const cycles: Cycle[] = [];
  // by node, the gravest class that it is on a cycle of; first without the order in real time
  const gravest = new Uint8Array(part.graph.nodes).fill(CLASSES.length);
  const note = (components: Components, spaced: boolean, index: number): void => {
    for (const [state, component] of components.of.entries()) {
      const node = spaced ? state >> 1 : state;
      if (component >= 0) gravest[node] = Math.min(gravest[node] ?? index, index);
    }
  };
  for (const [i, { mask, critical, spaced }] of CLASSES.entries()) {
    const components = cyclicComponents(part.graph, mask, spaced);
    cycles.push(...cyclesThrough(part, { mask, critical, spaced, transactions, components }));
    note(components, spaced, i);
  }
  for (const [i, { mask: plain, spaced }] of CLASSES.entries()) {
    const mask = plain | RT | PASS;
    const components = cyclicComponents(part.graph, mask, spaced);
    const known = new Set<number>();
    for (const [state, component] of components.of.entries()) {
      if (component >= 0 && (gravest[spaced ? state >> 1 : state] ?? 0) <= i) known.add(component);
    }
    for (const [state, component] of components.of.entries()) if (known.has(component)) components.of[state] = -1;
    cycles.push(...cyclesThrough(part, { mask, critical: RT, spaced, transactions, components }));
    note(components, spaced, i);
  }
  return cycles;
}

/** What lies on cycles, as a graph of its own, with the numbers its nodes have in the whole. */
interface Part {
  readonly graph: Graph;
  readonly nodes: readonly number[];
}

function cyclicPart(whole: Graph, { of }: Components): Part {
  const nodes: number[] = [];
  const local = new Int32Array(of.length);
  for (let n = 0; n < of.length; n++) if ((of[n] ?? -1) >= 0) local[n] = nodes.push(n) - 1;
  const graph = new Graph(nodes.length);
  for (let e = 0; e < whole.edges; e++) {
    const [from, to] = [whole.from.at(e), whole.to.at(e)];
    const component = of[from] ?? -1;
    if (component < 0 || component !== of[to]) continue;
    graph.add(local[from] ?? 0, local[to] ?? 0, whole.kind.at(e), whole.about.at(e));
  }
  return { graph, nodes };
}

interface Search {
  readonly mask: number;
  /** Kind of the edges through which cycles are looked for. */
  readonly critical: number;
  readonly spaced: boolean;
  readonly transactions: number;
  readonly components: Components;
}

function cyclesThrough({ graph, nodes }: Part, search: Search): Cycle[] {
  const { critical, spaced, transactions, components } = search;
  if (components.count === 0) return [];
  const found = new Map<string, Cycle>();
  for (const candidates of candidatesOf(graph, search)) {
    const short = candidates.flatMap((e) => {
      const way = cycleThrough(graph, e, { ...search, limit: SHORT_SEARCH });
      return way === undefined ? [] : [way];
    });
    const [first] = candidates;
    // every candidate is on a cycle, however long
    const long = short.length > 0 || first === undefined ? undefined : cycleThrough(graph, first, search);
    for (const way of long === undefined ? short : [long]) {
      const steps = fromFirst(collapse(graph, way, nodes, transactions));
      const type = classify(steps);
      // found by its weaker test too: it is listed as what it is, once
      if (type === undefined || (critical === RW && !spaced && !type.startsWith('G2'))) continue;
      const name = steps.map(({ from }) => from).join(' ');
      if (!found.has(name)) found.set(name, { type, steps });
    }
  }
  return [...found.values()].toSorted((a, b) => a.steps.length - b.steps.length);
}

/** Edges that lie on a cycle, by component. */
function candidatesOf(graph: Graph, { critical, spaced, components }: Search): Iterable<number[]> {
  const byComponent = new Map<number, number[]>();
  let count = 0;
  for (let e = 0; e < graph.edges && count < MAX_TRIED.all; e++) {
    if (graph.kind.at(e) !== critical) continue;
    const ends = endsOf(graph, e, spaced, components);
    if (ends === undefined) continue;
    const component = components.of[ends[0]] ?? -1;
    const edges = byComponent.get(component);
    if (edges === undefined) byComponent.set(component, [e]);
    else if (edges.length < MAX_TRIED.component) edges.push(e);
    else continue;
    count++;
  }
  return byComponent.values();
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
