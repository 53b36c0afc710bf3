import { errorReason } from '../../errors.ts';
import type { ReasonCount } from '../../run-record.ts';
import { forbids } from '../isolation.ts';
import type { AnomalyType, IsolationLevel } from '../isolation.ts';
import { judgeTransactions } from '../transaction-verdict.ts';
import type { ListAppendVerification, TransactionCounts, TransactionFinding } from '../transaction-verdict.ts';
import type { AppendHistory } from './append-history.ts';
import { APPEND } from './append-history.ts';
import { findCycles, withinProcesses } from './cycles.ts';
import { committedTransactions, dependencyGraph } from './dependencies.ts';
import { Collector, inspectFinal, inspectLists, inspectTransactions, inspectUpdates } from './inspect-lists.ts';
import { explainCycle } from './words.ts';

/** What a history is checked for. */
export interface ListAppendCheck {
  /** Level at which its transactions ran. */
  readonly isolation: IsolationLevel;
  /** Level to hold it to. Default: the same. */
  readonly expected?: IsolationLevel | undefined;
  /** Reasons why the record itself may be wrong. */
  readonly doubts?: readonly string[] | undefined;
  readonly failures?: readonly ReasonCount[] | undefined;
}

/** Types in the order in which they are told: what lists show by themselves, then loss, then cycles. */
const ORDER: readonly AnomalyType[] = [
  'unexpected-append',
  'duplicate-append',
  'incompatible-order',
  'lost-append',
  'lost-append-weak',
  'vanished-append',
  'stale-read',
  'internal',
  'G1a',
  'G1b',
  'G0',
  'G1c',
  'lost-update',
  'non-repeatable-read',
  'G-single',
  'G-nonadjacent',
  'G2-item',
];

/**
 * Infers the order of the versions of each key from what was read, the dependencies of the transactions from these orders, and
 * finds what their isolation level forbids. Transactions of unknown outcome count only when somebody saw what they wrote.
 * Does not throw for what a history shows: a check that breaks is inconclusive.
 */
export function checkListAppend(history: AppendHistory, options: ListAppendCheck): ListAppendVerification {
  const startMs = performance.now();
  const { isolation, expected = isolation } = options;
  const doubts = [...(options.doubts ?? []), ...powerDoubts(history)];
  const findings: TransactionFinding<AnomalyType>[] = [];
  try {
    findings.push(...find(history, expected));
  } catch (error) {
    doubts.push(`the check of the transactions broke: ${errorReason(error)}`);
  }
  return {
    workload: 'list-append',
    isolation,
    expected,
    counts: countTransactions(history),
    ...judgeTransactions(findings, doubts),
    failures: options.failures ?? [],
    durationMs: performance.now() - startMs,
  };
}

function find(history: AppendHistory, expected: IsolationLevel): TransactionFinding<AnomalyType>[] {
  const collector = new Collector();
  inspectLists(history, collector);
  inspectTransactions(history, collector);
  inspectUpdates(history, collector);
  inspectFinal(history, collector);
  const graph = dependencyGraph(history, committedTransactions(history));
  for (const cycle of findCycles(graph, history.length)) {
    const inProcess = cycle.type.endsWith('-realtime') && withinProcesses(cycle, (txn) => history.process(txn));
    collector.add(inProcess ? processVariant(cycle.type) : cycle.type, () => explainCycle(history, cycle));
  }
  const rank = (type: AnomalyType): number => {
    const at = ORDER.indexOf(type);
    return at < 0 ? ORDER.length : at;
  };
  return [...collector.found.values()]
    .map((found) => ({ ...found, forbidden: forbids(expected, found.type) }))
    .toSorted((a, b) => rank(a.type) - rank(b.type));
}

const PROCESS_VARIANTS: Partial<Record<AnomalyType, AnomalyType>> = {
  'G0-realtime': 'G0-process',
  'G1c-realtime': 'G1c-process',
  'G-single-realtime': 'G-single-process',
  'G-nonadjacent-realtime': 'G-nonadjacent-process',
  'G2-item-realtime': 'G2-item-process',
};

function processVariant(type: AnomalyType): AnomalyType {
  return PROCESS_VARIANTS[type] ?? type;
}

function countTransactions(history: AppendHistory): TransactionCounts {
  const counts = { attempted: history.length, ok: 0, okWeak: 0, failed: 0, unknown: 0 };
  for (let txn = 0; txn < history.length; txn++) {
    const outcome = history.outcome(txn);
    if (outcome === 'ok') counts.ok++;
    else if (outcome === 'ok-weak') counts.okWeak++;
    else if (outcome === 'fail') counts.failed++;
    else counts.unknown++;
  }
  return counts;
}

/** A run proves something only when transactions met: when one read what another had appended, and all was read at the end. */
function powerDoubts(history: AppendHistory): string[] {
  const doubts: string[] = [];
  let committed = 0;
  let met = 0;
  for (let txn = 0; txn < history.length; txn++) {
    if (!history.acknowledged(txn) || txn === history.final) continue;
    committed++;
    for (let op = history.firstOp(txn); met === 0 && op < history.firstOp(txn + 1); op++) {
      const length = history.opValue(op);
      if (history.opKind(op) === APPEND || length <= 0) continue;
      const key = history.keys[history.opKeyIndex(op)];
      if (key?.writers.get(key.order[length - 1] ?? NaN) !== txn) met++;
    }
  }
  if (committed === 0) doubts.push('no transaction was acknowledged, so nothing was tested');
  else if (met === 0) doubts.push('no transaction read what another one had appended, so nothing was tested');
  if (history.final === undefined) doubts.push('the keys were not read at the end, so loss cannot be excluded');
  return doubts;
}
