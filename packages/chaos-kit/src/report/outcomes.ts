import type { ExperimentReport, RepeatReport } from './schema.ts';

/** How the runs of one experiment ended. */
export type Outcomes = Pick<RepeatReport, 'runs' | 'passed' | 'failed' | 'unproven' | 'failureRateAtMost'>;

/** Experiments that ran more than once, told apart by file, name, profile and engine. Controls are none: they are to be red. */
export function repeatsOf(experiments: readonly ExperimentReport[]): [ExperimentReport, ...ExperimentReport[]][] {
  const groups = Map.groupBy(
    experiments.filter(({ expected }) => expected === undefined),
    ({ file, name, profile, engine }) => [file, name, profile, engine].join('\0'),
  );
  return [...groups.values()].flatMap(([first, ...others]) =>
    first === undefined || others.length === 0 ? [] : [[first, ...others]],
  );
}

/** Counts how runs ended. Those that proved nothing are not counted as passed, nor as runs without a failure. */
export function outcomesOf(experiments: readonly ExperimentReport[]): Outcomes {
  const runs = experiments.length;
  const count = (...verdicts: ExperimentReport['verdict'][]): number =>
    experiments.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const passed = count('pass', 'xpass');
  const failed = count('fail', 'xfail');
  const bound = failed === 0 ? ruleOfThree(passed) : undefined;
  return {
    runs,
    passed,
    failed,
    unproven: runs - passed - failed,
    ...(bound === undefined ? {} : { failureRateAtMost: bound }),
  };
}

/**
 * Rule of three: when n runs in a row did not fail, the rate of failure is at most 3/n with 95 % confidence. `undefined` up to
 * three runs, which bound nothing.
 */
export function ruleOfThree(n: number): number | undefined {
  return n > 3 ? 3 / n : undefined;
}

/** How runs ended, in words: no failure is no proof that there is none. */
export function describeOutcomes({ runs, passed, failed, unproven, failureRateAtMost }: Outcomes): string {
  const proven = passed + failed;
  const doubt = unproven > 0 ? ` (${unproven} of ${runs} proved nothing)` : '';
  if (failed > 0) return `${failed} of ${proven} runs failed${doubt}`;
  if (failureRateAtMost === undefined) return `no failure in ${proven} runs, too few to say how rare one is${doubt}`;
  const percent = (failureRateAtMost * 100).toFixed(failureRateAtMost < 0.1 ? 1 : 0);
  return `no failure in ${proven} runs: at most ${percent} % of runs fail (p ≤ 3/n, 95 % confidence)${doubt}`;
}
