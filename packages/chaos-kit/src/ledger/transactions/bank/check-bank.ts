import { errorReason } from '../../errors.ts';
import type { ReasonCount } from '../../run-record.ts';
import type { IsolationLevel } from '../isolation.ts';
import { judgeTransactions } from '../transaction-verdict.ts';
import type { TransactionCounts, TransactionFinding, TransactionVerification } from '../transaction-verdict.ts';
import type { BankEnd, BankHistory, OddRead, Transfer } from './bank-history.ts';

/** What a bank can show. */
export type BankAnomaly =
  | 'wrong-total'
  | 'wrong-accounts'
  | 'negative-balance'
  | 'lost-transfer'
  | 'lost-transfer-weak'
  | 'phantom-transfer'
  | 'unexpected-transfer'
  | 'duplicated-transfer'
  | 'changed-transfer'
  | 'unexplained-balance';

/** The verdict on a bank run. */
export type BankVerification = TransactionVerification<BankAnomaly>;

/** What a bank is checked for. */
export interface BankCheck {
  readonly isolation: IsolationLevel;
  /** Level to hold it to. Default: the same. */
  readonly expected?: IsolationLevel | undefined;
  /** Whether balances may fall below zero. Default false. */
  readonly overdraft?: boolean | undefined;
  /** How balances were changed: `absolute` values that the client computed lose updates below repeatable read. Default `relative`. */
  readonly transfer?: 'relative' | 'absolute' | undefined;
  readonly doubts?: readonly string[] | undefined;
  readonly failures?: readonly ReasonCount[] | undefined;
}

const MAX_SENTENCES = 10;

class Collector {
  readonly found = new Map<BankAnomaly, { type: BankAnomaly; count: number; sentences: string[] }>();

  add(type: BankAnomaly, sentence: string, count = 1): void {
    let at = this.found.get(type);
    if (at === undefined) this.found.set(type, (at = { type, count: 0, sentences: [] }));
    at.count += count;
    if (at.sentences.length < MAX_SENTENCES) at.sentences.push(sentence);
  }
}

/**
 * Whether every read adds up, and whether the balances at the end are those of the beginning and the transfers in the journal, which are
 * all that were acknowledged and none that failed. A transfer of unknown outcome is resolved by its row in the journal.
 * A check that breaks is inconclusive.
 */
export function checkBank(history: BankHistory, options: BankCheck): BankVerification {
  const startMs = performance.now();
  const { isolation, expected = isolation } = options;
  const doubts = [...(options.doubts ?? [])];
  const collector = new Collector();
  try {
    inspectReads(history, collector, options.overdraft === true);
    if (history.end === undefined) doubts.push('the bank was not read at the end, so loss cannot be excluded');
    else inspectEnd(history, history.end, collector, options.overdraft === true);
  } catch (error) {
    doubts.push(`the check of the bank broke: ${errorReason(error)}`);
  }
  const counts = countTransfers(history);
  if (counts.ok + counts.okWeak - history.reads <= 0)
    doubts.push('no transfer was acknowledged, so nothing was tested');
  if (history.reads === 0) doubts.push('no read was acknowledged, so nothing was seen while transfers went on');
  // what read committed allows to those who compute in the client
  const weak = expected === 'read committed';
  const lossy = weak && options.transfer === 'absolute';
  const allowed = new Set<BankAnomaly>([
    ...(weak ? (['negative-balance'] as const) : []),
    ...(lossy ? (['wrong-total', 'unexplained-balance'] as const) : []),
  ]);
  const findings: TransactionFinding<BankAnomaly>[] = [...collector.found.values()].map((found) => ({
    ...found,
    forbidden: !allowed.has(found.type),
  }));
  return {
    workload: 'bank',
    isolation,
    expected,
    counts,
    ...judgeTransactions(findings, doubts),
    failures: options.failures ?? [],
    durationMs: performance.now() - startMs,
  };
}

function inspectReads(history: BankHistory, collector: Collector, overdraft: boolean): void {
  const { accounts, balance } = history.shape;
  const { odd } = history;
  const tell = (
    type: BankAnomaly,
    { count, first }: { count: number; first: OddRead[] },
    what: (read: OddRead) => string,
  ): void => {
    for (const [i, read] of first.entries())
      collector.add(type, `${history.name(read.txn)} ${what(read)}`, i === 0 ? count : 0);
  };
  tell(
    'wrong-accounts',
    odd.accounts,
    ({ balances }) => `read ${balances.size} accounts instead of ${accounts}: ${show(balances)}`,
  );
  tell('wrong-total', odd.total, ({ balances }) => {
    const total = [...balances.values()].reduce((sum, value) => sum + value, 0);
    return `read a total of ${total} instead of ${accounts * balance}: ${show(balances)}`;
  });
  if (!overdraft)
    tell('negative-balance', odd.negative, ({ balances }) => `read a balance below zero: ${show(balances)}`);
}

function inspectEnd(history: BankHistory, end: BankEnd, collector: Collector, overdraft: boolean): void {
  const { shape } = history;
  const copies = new Map<number, number>();
  const explained = new Map(Array.from({ length: shape.accounts }, (_, id) => [id, shape.balance]));
  for (const row of end.journal) {
    const { txn, debit, credit, amount } = row;
    explained.set(debit, (explained.get(debit) ?? 0) - amount);
    explained.set(credit, (explained.get(credit) ?? 0) + amount);
    const before = copies.get(txn) ?? 0;
    copies.set(txn, before + 1);
    const meant = history.transfer(txn);
    if (meant === undefined) {
      collector.add('unexpected-transfer', `the journal has transfer ${txn}, ${tellTransfer(row)}, which nobody made`);
    } else if (before > 0) {
      collector.add('duplicated-transfer', `the journal has the transfer of ${history.name(txn)} ${before + 1} times`);
    } else if (meant.debit !== debit || meant.credit !== credit || meant.amount !== amount) {
      collector.add(
        'changed-transfer',
        `${history.name(txn)} meant ${tellTransfer(meant)}, the journal says ${tellTransfer(row)}`,
      );
    } else if (history.outcome(txn) === 'fail') {
      collector.add(
        'phantom-transfer',
        `${history.name(txn)} failed, and its ${tellTransfer(meant)} is in the journal`,
      );
    }
  }
  for (let txn = 0; txn < history.length; txn++) {
    const meant = history.transfer(txn);
    if (meant === undefined || !history.acknowledged(txn) || copies.has(txn)) continue;
    const weak = history.outcome(txn) === 'ok-weak';
    collector.add(
      weak ? 'lost-transfer-weak' : 'lost-transfer',
      `${history.name(txn)} was ${weak ? 'weakly ' : ''}acknowledged, and its ${tellTransfer(meant)} is not in the journal`,
    );
  }
  for (const id of new Set([...explained.keys(), ...end.balances.keys()])) {
    const [is, should] = [end.balances.get(id), explained.get(id)];
    if (is !== should) {
      collector.add(
        'unexplained-balance',
        `account ${id} is ${is ?? 'missing'} at the end, by the journal it should be ${should ?? 'missing'}`,
      );
    } else if (is !== undefined && is < 0 && !overdraft) {
      collector.add('negative-balance', `account ${id} is ${is} at the end`);
    }
  }
}

function tellTransfer({ debit, credit, amount }: Transfer): string {
  return `transfer of ${amount} from ${debit} to ${credit}`;
}

function show(balances: ReadonlyMap<number, number>): string {
  const shown = [...balances].slice(0, 20).map(([id, value]) => `${id}: ${value}`);
  return `{ ${shown.join(', ')}${balances.size > 20 ? ', …' : ''} }`;
}

function countTransfers(history: BankHistory): TransactionCounts {
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
