import type { LedgerCounts } from '../verdict.ts';
import { amount, passed } from './checker.ts';
import type { Checker } from './checker.ts';

interface Counted {
  readonly name: string;
  readonly about: Checker['about'];
  readonly of: keyof LedgerCounts;
  readonly one: string;
  readonly many: string;
  readonly looked: (counts: LedgerCounts) => string;
}

const rows = ({ rows: n }: LedgerCounts): string => amount(n, 'row');

const COUNTED: readonly Counted[] = [
  {
    name: 'unexpected',
    about: 'integrity',
    of: 'unexpected',
    one: 'row nobody attempted to write: look at who else writes to this table',
    many: 'rows nobody attempted to write: look at who else writes to this table',
    looked: rows,
  },
  {
    name: 'duplicated',
    about: 'integrity',
    of: 'duplicated',
    one: 'surplus copy of a row: look at whether WAL was replayed twice, or a proxy sends again',
    many: 'surplus copies of rows: look at whether WAL was replayed twice, or a proxy sends again',
    looked: rows,
  },
  {
    name: 'corrupted',
    about: 'integrity',
    of: 'corrupted',
    one: 'row with a changed payload: look at the storage of the server that was read, with pg_checksums',
    many: 'rows with a changed payload: look at the storage of the server that was read, with pg_checksums',
    looked: rows,
  },
  {
    name: 'phantom-fail',
    about: 'integrity',
    of: 'phantomFail',
    one: 'write reported as failed and yet there: look at who answered it, a proxy may have made up the error',
    many: 'writes reported as failed and yet there: look at who answered them, a proxy may have made up the errors',
    looked: ({ failed }) => amount(failed, 'failed write'),
  },
];

/** What the final read shows by counting, loss aside. */
export const counted: readonly Checker[] = COUNTED.map(({ name, about, of, one, many, looked }) => ({
  name,
  about,
  needs: 'read',
  check({ counts }) {
    const count = counts[of];
    if (count === 0) return passed(looked(counts));
    return { verdict: 'fail', count, looked: looked(counts), sentences: [amount(count, one, many)] };
  },
}));
