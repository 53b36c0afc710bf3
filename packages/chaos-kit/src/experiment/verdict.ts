/**
 * Outcome of an experiment. `unhealed`: a fault could not be undone, or is still seen, so it may still be there. `xfail` and `xpass`: a known defect showed as expected, or no longer shows.
 */
export type Verdict = 'pass' | 'unhealed' | 'fail' | 'inconclusive' | 'aborted' | 'xfail' | 'xpass';

/** What a single observation can do to the verdict. */
export type FindingVerdict = 'unhealed' | 'fail' | 'inconclusive' | 'aborted';

/** Something that keeps an experiment from passing. */
export interface Finding {
  readonly verdict: FindingVerdict;
  /** Where it comes from, such as `ledger`, `evidence` or `heal`. */
  readonly source: string;
  readonly reason: string;
  /** It is what a known defect is expected to cause: alone it makes the experiment `xfail`, not `fail`. */
  readonly excused?: boolean;
}

/** A defect of the system under test that is known to show in this experiment. */
export interface KnownDefect {
  /** Address of the issue. */
  readonly issue: string;
  /** Version from which it should be gone, for instance `1.31`. */
  readonly until?: string;
  readonly reason: string;
  /** It shows in some runs only, so that a run without it is no news. */
  readonly sometimes?: boolean;
}

// what was left in the cluster concerns whoever uses it next; a proven failure outranks the rest; a stopped run has no say, and neither has one without proof
const rank: readonly FindingVerdict[] = ['unhealed', 'fail', 'aborted', 'inconclusive'];

/** Combines findings: unhealed > fail > aborted > inconclusive > pass. */
export function combineFindings(findings: readonly Finding[]): 'pass' | FindingVerdict {
  return rank.find((verdict) => findings.some((finding) => finding.verdict === verdict)) ?? 'pass';
}

/**
 * Applies a known defect: a failure is then expected (`xfail`) and a pass is news (`xpass`). Inconclusive, aborted
 * and unhealed runs say nothing about the defect and stay what they are.
 */
export function applyKnownDefect(verdict: 'pass' | FindingVerdict, defect: KnownDefect | undefined): Verdict {
  if (defect === undefined) return verdict;
  if (verdict === 'fail') return 'xfail';
  return verdict === 'pass' && defect.sometimes !== true ? 'xpass' : verdict;
}

/** What a control experiment says its outcome must be. */
export interface ExpectedVerdict {
  readonly verdict: Verdict;
  readonly reason: string;
  /** Whether the true verdict was the expected one. */
  readonly met: boolean;
}
