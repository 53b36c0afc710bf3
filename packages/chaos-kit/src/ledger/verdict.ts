import type { CheckResult } from './checkers/checker.ts';
import type { ZeroLossClaim } from './durability.ts';

/** `fail` wins over `inconclusive`, which wins over `pass`. */
export type LedgerVerdict = 'pass' | 'fail' | 'inconclusive';

/** What the final read found, in numbers of writes. */
export interface LedgerCounts {
  /** Writes that were given a number; the sum of the next four once the ledger has stopped. */
  readonly attempted: number;
  readonly acknowledged: number;
  readonly acknowledgedWeak: number;
  readonly failed: number;
  readonly unknown: number;
  /** Due but never attempted, because no writer was free for too long. */
  readonly dropped: number;
  /** Rows in the table, without tombstones. */
  readonly rows: number;
  /** Attempted writes that are there, each counted once. */
  readonly present: number;
  /** `ok` but not there. */
  readonly lost: number;
  /** `ok-weak` but not there. */
  readonly lostWeak: number;
  /** Rows that were never attempted. */
  readonly unexpected: number;
  /** Surplus copies of rows. */
  readonly duplicated: number;
  /** Rows whose payload is not what was written. */
  readonly corrupted: number;
  /** `fail` but there. */
  readonly phantomFail: number;
  /** Unknown but there. */
  readonly recovered: number;
}

/** Two verdicts from one set of facts. */
export interface LedgerJudgement {
  /** Whether every acknowledged write survived: `pass` needs the durability for it, so it is never passed by luck. */
  readonly verdict: LedgerVerdict;
  /** Whether the table is what the client did, loss of acknowledged writes aside: what an asynchronous profile can be held to. */
  readonly integrity: LedgerVerdict;
  /** One sentence per ground, gravest first. */
  readonly reasons: string[];
}

/**
 * Combines what checkers found. `doubts` are reasons why the record of the run itself may be wrong.
 * @param acknowledged writes that were acknowledged: with none there is nothing to claim.
 */
export function judge(
  acknowledged: number,
  claim: ZeroLossClaim,
  doubts: readonly string[],
  checks: readonly CheckResult[],
): LedgerJudgement {
  const told = (verdict: CheckResult['verdict'], about?: CheckResult['about']): string[] =>
    checks
      .filter((it) => it.verdict === verdict && (about === undefined || it.about === about))
      .flatMap(({ sentences }) => sentences);
  const loss = told('fail', 'loss');
  const damage = told('fail', 'integrity');
  const doubt = [...doubts, ...told('inconclusive')];
  const integrity = damage.length > 0 ? 'fail' : doubt.length > 0 ? 'inconclusive' : 'pass';
  if (acknowledged > 0 && !claim.allowed) doubt.push(`zero loss cannot be claimed: ${claim.reason}`);
  const verdict = loss.length + damage.length > 0 ? 'fail' : doubt.length > 0 ? 'inconclusive' : 'pass';
  return { verdict, integrity, reasons: [...loss, ...damage, ...doubt] };
}
