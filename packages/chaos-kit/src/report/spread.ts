import { outcomesOf, repeatsOf } from './outcomes.ts';
import type { Outcomes } from './outcomes.ts';
import type { ExperimentReport, Metrics } from './schema.ts';

/** A number over several runs of the same experiment. */
export interface Spread {
  metric: 'recoveryMs' | 'writeGapMs' | 'convergedMs';
  count: number;
  min: number;
  median: number;
  max: number;
}

/** Runs of one experiment, told apart by name, profile and engine, when there was more than one. */
export interface ExperimentSpread {
  name: string;
  engine: string;
  outcomes: Outcomes;
  /** Of what was measured more than once. */
  spreads: Spread[];
}

const metrics = ['recoveryMs', 'writeGapMs', 'convergedMs'] as const;

/**
 * How repeated experiments ended, and minimum, median and maximum of what they measured. One run says little about a time that
 * depends on where in a lease's life the fault struck; the maximum is the tail that must not be hidden.
 */
export function spreadOf(experiments: readonly ExperimentReport[]): ExperimentSpread[] {
  return repeatsOf(experiments).map((group) => {
    const [{ name, engine }] = group;
    const runs = group.flatMap((experiment) => experiment.runs);
    return {
      name,
      engine,
      outcomes: outcomesOf(group),
      spreads: metrics.flatMap((metric) => spread(metric, runs) ?? []),
    };
  });
}

function spread(metric: Spread['metric'], runs: readonly Metrics[]): Spread | undefined {
  const values = runs.flatMap((run) => run[metric] ?? []).toSorted((a, b) => a - b);
  const [min] = values;
  const max = values.at(-1);
  if (values.length < 2 || min === undefined || max === undefined) return undefined;
  return { metric, count: values.length, min, median: median(values), max };
}

function median(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
