import type { SeqStates } from '../seq-states.ts';
import type { LedgerCounts } from '../verdict.ts';
import { describeWrites } from './describe-writes.ts';
import { amount, passed } from './checker.ts';
import type { Checker, Evidence } from './checker.ts';
import type { WriteId } from './reads.ts';

interface Counted {
  readonly name: string;
  readonly of: keyof LedgerCounts;
  readonly one: string;
  readonly many: string;
  /** The first thing to look at. */
  readonly advice: string;
  readonly looked: (counts: LedgerCounts) => string;
  readonly which: (evidence: Evidence) => readonly WriteId[];
}

const MAX_EXAMPLES = 10;
const rows = ({ rows: n }: LedgerCounts): string => amount(n, 'row');

const COUNTED: readonly Counted[] = [
  {
    name: 'unexpected',
    of: 'unexpected',
    one: 'row nobody attempted to write',
    many: 'rows nobody attempted to write',
    advice: 'look first at who else writes to this table, or writes again under another number',
    looked: rows,
    which: ({ foreign = [] }) => foreign,
  },
  {
    name: 'duplicated',
    of: 'duplicated',
    one: 'surplus copy of a row',
    many: 'surplus copies of rows',
    advice: 'look first at whether a proxy sends again, or WAL was replayed twice',
    looked: rows,
    which: (evidence) => writesThat(evidence, (states, seq) => states.copies(seq) > 1),
  },
  {
    name: 'corrupted',
    of: 'corrupted',
    one: 'row with a changed payload',
    many: 'rows with a changed payload',
    advice: 'look first at who updates rows, then at the storage of the server that was read, with pg_checksums',
    looked: rows,
    which: ({ changed = [] }) => changed,
  },
  {
    name: 'phantom-fail',
    of: 'phantomFail',
    one: 'write reported as failed and yet there',
    many: 'writes reported as failed and yet there',
    advice: 'look first at who answered: a proxy may have made up the error',
    looked: ({ failed }) => amount(failed, 'failed write'),
    which: (evidence) => writesThat(evidence, (states, seq) => states.state(seq) === 'fail' && states.copies(seq) > 0),
  },
];

/** What the final read shows by counting, loss aside. */
export const counted: readonly Checker[] = COUNTED.map(({ name, of, one, many, advice, looked, which }) => ({
  name,
  about: 'integrity',
  needs: 'read',
  check(evidence) {
    const { counts } = evidence;
    const count = counts[of];
    if (count === 0) return passed(looked(counts));
    const examples = which(evidence);
    const writes =
      examples.length === 0
        ? ''
        : `: ${describeWrites(evidence, examples, examples.length < MAX_EXAMPLES ? examples.length : count)}`;
    return {
      verdict: 'fail',
      count,
      looked: looked(counts),
      sentences: [`${amount(count, one, many)}${writes}`, advice],
    };
  },
}));

/** The first writes of which something holds. */
function writesThat({ record }: Evidence, holds: (states: SeqStates, seq: number) => boolean): WriteId[] {
  const found: WriteId[] = [];
  for (let writer = 0; writer < record.writers.length; writer++) {
    const states = record.states(writer);
    for (let seq = 0; seq < states.bound && found.length < MAX_EXAMPLES; seq++)
      if (holds(states, seq)) found.push({ writer, seq });
  }
  return found;
}
