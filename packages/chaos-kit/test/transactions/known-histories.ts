import { AppendHistory } from '../../src/ledger/transactions/list-append/append-history.ts';
import type { Outcome } from '../../src/ledger/outcome.ts';

/** A transaction with what it read, as a test writes it down. */
export interface Told {
  /** Default: a process of its own. */
  readonly process?: number;
  /** Default `ok`. */
  readonly outcome?: Outcome;
  readonly ops: readonly (readonly ['append', number, number] | readonly ['read', number, readonly number[]])[];
}

/** Transactions after one another; those in an array run at the same time. Ends with a read of all keys, unless `final` is given or false. */
export function told(
  steps: readonly (Told | readonly Told[])[],
  final?: Record<number, number[]> | false,
): AppendHistory {
  const history = new AppendHistory();
  let next = 100;
  for (const step of steps) {
    const group: readonly Told[] = 'ops' in step ? [step] : step;
    const numbers = group.map((it) =>
      history.begin(
        it.process ?? next++,
        it.ops.map((op) => (op[0] === 'append' ? op : ['read', op[1]])),
      ),
    );
    for (const [i, it] of group.entries()) {
      const reads = it.ops.flatMap((op) => (op[0] === 'read' ? [{ from: 0, tail: op[2] }] : []));
      history.complete(numbers[i] ?? 0, it.outcome ?? 'ok', reads);
    }
  }
  if (final === false) return history;
  const keys = history.keys.map(({ key }) => key);
  const txn = history.begin(
    -1,
    keys.map((key) => ['read', key]),
  );
  history.final = txn;
  history.complete(
    txn,
    'ok',
    keys.map((key) => ({ from: 0, tail: final?.[key] ?? shown(steps, key) })),
  );
  return history;
}

/** The longest list that a step read, or else what was appended. */
function shown(steps: readonly (Told | readonly Told[])[], key: number): number[] {
  const ops = steps.flatMap((step) => ('ops' in step ? [step] : step)).flatMap((it) => it.ops);
  const reads = ops.flatMap((op) => (op[0] === 'read' && op[1] === key ? [op[2]] : []));
  const longest = reads.toSorted((a, b) => b.length - a.length)[0];
  return [...(longest?.length ? longest : ops.flatMap((op) => (op[0] === 'append' && op[1] === key ? [op[2]] : [])))];
}
