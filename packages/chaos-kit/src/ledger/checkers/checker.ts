import type { ReadFacts } from '../history/rows-file.ts';
import type { RunRecord } from '../run-record.ts';
import { errorReason } from '../errors.ts';

/** What a checker may look at: the run as the client saw it, with the copies of each write that the final read found. */
export interface Evidence {
  readonly record: RunRecord;
  readonly read: Pick<ReadFacts, 'timeline' | 'forks'>;
}

/** What a checker found. */
export interface Findings {
  /** `unknown`: it could not look, and another checker carries the proof; no ground for a verdict. */
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'unknown';
  /** How many writes its findings are about. */
  readonly count: number;
  /** What happened, in words; the first sentence stands for the rest. */
  readonly sentences: readonly string[];
}

/** One question to a finished run. It has no state and changes nothing, so that a stored run can be asked again. */
export interface Checker {
  readonly name: string;
  /** Whether it is about acknowledged writes that are gone, or about what no failover, however lossy, may do. */
  readonly about: 'loss' | 'integrity';
  check(evidence: Evidence): Findings;
}

/** The findings of one checker, for reports. */
export interface CheckResult extends Findings {
  readonly checker: string;
  readonly about: Checker['about'];
}

/** Asks every checker. One that throws is inconclusive: a broken question must not look like a good answer. */
export function runCheckers(checkers: readonly Checker[], evidence: Evidence): CheckResult[] {
  return checkers.map((checker) => {
    const { name, about } = checker;
    try {
      return { checker: name, about, ...checker.check(evidence) };
    } catch (error) {
      const sentences = [`the checker "${name}" broke: ${errorReason(error)}`];
      return { checker: name, about, verdict: 'inconclusive', count: 0, sentences };
    }
  });
}
