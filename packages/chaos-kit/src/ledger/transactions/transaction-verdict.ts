import type { ReasonCount } from '../run-record.ts';
import type { LedgerVerdict } from '../verdict.ts';
import type { AnomalyType, IsolationLevel } from './isolation.ts';

/** Something that a history of transactions shows. */
export interface TransactionFinding<T extends string = string> {
  readonly type: T;
  /** Whether the level that the run is held to forbids it. */
  readonly forbidden: boolean;
  /** How many cases there are; of cycles, how many are listed at least. */
  readonly count: number;
  /** The first cases in words. */
  readonly sentences: readonly string[];
}

/** How the transactions of a run ended. */
export interface TransactionCounts {
  /** The sum of the next four. */
  readonly attempted: number;
  readonly ok: number;
  readonly okWeak: number;
  readonly failed: number;
  readonly unknown: number;
}

/** The verdict on a run of transactions. */
export interface TransactionVerification<T extends string = string> {
  readonly workload: 'bank' | 'list-append';
  /** `fail` when anything forbidden was found, else `inconclusive` when the run cannot prove anything, else `pass`. */
  readonly verdict: LedgerVerdict;
  /** Level at which the transactions ran. */
  readonly isolation: IsolationLevel;
  /** Level that they are held to. */
  readonly expected: IsolationLevel;
  readonly counts: TransactionCounts;
  /** Everything found, what is forbidden first. */
  readonly findings: readonly TransactionFinding<T>[];
  /** Sentences, gravest first: why it does not pass. */
  readonly reasons: readonly string[];
  /** Worth knowing, but no ground for the verdict: what was found and is allowed. */
  readonly notes: readonly string[];
  /** Why transactions failed or stayed unknown. */
  readonly failures: readonly ReasonCount[];
  /** Time of checking, in ms. */
  readonly durationMs: number;
}

/** The verdict on a list-append run. */
export type ListAppendVerification = TransactionVerification<AnomalyType>;

/** Puts findings and doubts together; fail > inconclusive > pass. */
export function judgeTransactions<T extends string>(
  findings: readonly TransactionFinding<T>[],
  doubts: readonly string[],
): Pick<TransactionVerification<T>, 'verdict' | 'findings' | 'reasons' | 'notes'> {
  const forbidden = findings.filter((finding) => finding.forbidden);
  const allowed = findings.filter((finding) => !finding.forbidden);
  const tell = ({ type, count, sentences }: TransactionFinding<T>): string =>
    `${type}${count > 1 ? ` × ${count}` : ''}: ${sentences[0] ?? 'no case kept'}`;
  return {
    verdict: forbidden.length > 0 ? 'fail' : doubts.length > 0 ? 'inconclusive' : 'pass',
    findings: [...forbidden, ...allowed],
    reasons: [...forbidden.map(tell), ...doubts],
    notes: allowed.map((finding) => `allowed at this level: ${tell(finding)}`),
  };
}
