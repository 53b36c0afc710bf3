import type { ExperimentReport, Metrics } from './schema.ts';

/** A number over several runs of the same experiment. */
export interface Spread {
  metric: 'recoveryMs' | 'writeGapMs' | 'convergedMs';
  count: number;
  min: number;
  median: number;
  max: number;
}

/** Runs of one experiment, told apart by name, profile and engine, that measured something more than once. */
export interface ExperimentSpread {
  name: string;
  engine: string;
  spreads: Spread[];
}

const metrics = ['recoveryMs', 'writeGapMs', 'convergedMs'] as const;

/**
 * Minimum, median and maximum of what repeated experiments measured. One run says little about a time that depends on
 * where in a lease's life the fault struck; the maximum is the tail that must not be hidden.
 */
export function spreadOf(experiments: readonly ExperimentReport[]): ExperimentSpread[] {
  const groups = Map.groupBy(experiments, ({ file, name, profile, engine }) =>
    [file, name, profile, engine].join('\0'),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const runs = group.flatMap((experiment) => experiment.runs);
    const spreads = metrics.flatMap((metric) => spread(metric, runs) ?? []);
    return spreads.length > 0 ? [{ name: first.name, engine: first.engine, spreads }] : [];
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
