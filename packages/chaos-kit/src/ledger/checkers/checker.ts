import type { Observations } from '../../observers/observation-file.ts';
import { errorReason } from '../errors.ts';
import type { ReadFacts } from '../history/rows-file.ts';
import type { RunRecord } from '../run-record.ts';
import type { ForeignRow } from '../tally.ts';
import type { LedgerCounts } from '../verdict.ts';

/** What is known of a run without a final read: what the clients were told and what observers saw. */
export interface RunEvidence {
  readonly record: RunRecord;
  /** Missing: no observers ran. */
  readonly observations?: Observations | undefined;
  /** Why there is no final read. */
  readonly unread?: string | undefined;
  /** How far times of writers and of observers may be apart, in ms. Default 0: they read one clock. */
  readonly clockUncertaintyMs?: number | undefined;
}

/** What a checker may look at: the run, with the copies of each write that the final read found. */
export interface Evidence extends RunEvidence {
  readonly read: Pick<ReadFacts, 'timeline' | 'forks'>;
  readonly counts: LedgerCounts;
  /** The first rows that nobody attempted to write, and those with a changed payload. */
  readonly foreign?: readonly ForeignRow[] | undefined;
  readonly changed?: readonly ForeignRow[] | undefined;
}

/** What a checker found. */
export interface Findings {
  /** `unknown`: it could not look, and another checker carries the proof; no ground for a verdict. */
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'unknown';
  /** How many writes (or other things, see `looked`) its findings are about. */
  readonly count: number;
  /** What it looked at, in a few words. */
  readonly looked: string;
  /** What happened, in words; the first sentence stands for the rest. */
  readonly sentences: readonly string[];
}

/** What checkers have in common. A checker has no state and changes nothing, so that a stored run can be asked again. */
interface CheckerFacts {
  readonly name: string;
  /** Whether it is about acknowledged writes that are gone, or about what no failover, however lossy, may do. */
  readonly about: 'loss' | 'integrity';
}

/** A question that only the final read answers. */
export interface ReadChecker extends CheckerFacts {
  readonly needs: 'read';
  check(evidence: Evidence): Findings;
}

/** A question that does without a final read. */
export interface RunChecker extends CheckerFacts {
  readonly needs: 'run';
  check(evidence: RunEvidence): Findings;
}

/** One question to a finished run. */
export type Checker = ReadChecker | RunChecker;

/** The findings of one checker, for reports. */
export interface CheckResult extends Findings {
  readonly checker: string;
  readonly about: Checker['about'];
}

/** Asks every checker that can do with the evidence. One that throws is inconclusive: a broken question must not look like a good answer. */
export function runCheckers(checkers: readonly Checker[], evidence: Evidence | RunEvidence): CheckResult[] {
  return checkers.flatMap((checker): CheckResult[] => {
    const { name, about } = checker;
    try {
      if (checker.needs === 'run') return [{ checker: name, about, ...checker.check(evidence) }];
      return 'read' in evidence ? [{ checker: name, about, ...checker.check(evidence) }] : [];
    } catch (error) {
      const sentences = [`the checker "${name}" broke: ${errorReason(error)}`];
      return [{ checker: name, about, verdict: 'inconclusive', count: 0, looked: 'nothing', sentences }];
    }
  });
}

/** Nothing wrong. */
export function passed(looked: string): Findings {
  return { verdict: 'pass', count: 0, looked, sentences: [] };
}

/** `1 row`, `2 rows`. */
export function amount(n: number, one: string, many = `${one}s`): string {
  return n === 1 ? `1 ${one}` : `${n} ${many}`;
}
