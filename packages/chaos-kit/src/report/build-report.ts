import type { ExperimentStart, ProgressSample, RunLogRecord } from './run-log.ts';
import { outcomesOf, repeatsOf } from './outcomes.ts';
import { reportVersion } from './schema.ts';
import type { ExperimentReport, PhaseSpan, Report, RunReport, TimelineEntry } from './schema.ts';

/** An experiment as the reporter knows it while the run goes on. */
export interface ObservedExperiment {
  start: ExperimentStart;
  events: TimelineEntry[];
  progress?: ProgressSample;
  finished?: ExperimentReport;
}

/** Collects the records of a run log into what a report needs. */
export class RunState {
  run: Omit<RunReport, 'finishedAt' | 'durationMs' | 'interrupted'> | undefined;
  interruptedBy: string | undefined;
  /** What was last said to be done outside of experiments. */
  status: string | undefined;
  readonly notes: string[] = [];
  readonly experiments = new Map<string, ObservedExperiment>();

  /** Takes one record in. Records of experiments that never started are ignored. */
  apply(record: RunLogRecord): void {
    switch (record.type) {
      case 'run':
        this.run = record.run;
        break;
      case 'note':
        this.notes.push(record.text);
        break;
      case 'status':
        this.status = record.text;
        break;
      case 'interrupted':
        this.interruptedBy ??= record.signal;
        break;
      case 'started':
        this.status = undefined;
        this.experiments.set(record.experiment.id, { start: record.experiment, events: [] });
        break;
      case 'event':
        this.experiments.get(record.id)?.events.push(record.event);
        break;
      case 'progress': {
        const experiment = this.experiments.get(record.id);
        if (experiment) experiment.progress = record.progress;
        break;
      }
      case 'finished': {
        const experiment = this.experiments.get(record.experiment.id);
        if (experiment) experiment.finished = record.experiment;
        break;
      }
    }
  }

  /** The experiment that runs now: the last one that started and has not finished. */
  current(): ObservedExperiment | undefined {
    return [...this.experiments.values()].findLast((experiment) => experiment.finished === undefined);
  }
}

/**
 * Makes the report of a run.
 * An experiment that started and never finished is in it as `aborted`, with the phases it reached.
 */
export function buildReport(state: RunState, o: { finishedAt: Date }): Report {
  const experiments = [...state.experiments.values()].map(
    (experiment) => experiment.finished ?? aborted(experiment, o),
  );
  const run = state.run ?? {
    id: 'unknown',
    seed: 0,
    startedAt: o.finishedAt.toISOString(),
    node: process.version,
  };
  const totals: Report['totals'] = {
    pass: 0,
    unhealed: 0,
    fail: 0,
    inconclusive: 0,
    aborted: 0,
    xfail: 0,
    xpass: 0,
    asExpected: 0,
  };
  for (const experiment of experiments) totals[isAsExpected(experiment) ? 'asExpected' : experiment.verdict] += 1;
  const repeats = repeatsOf(experiments).map((group) => {
    const [{ name, file, profile, engine }] = group;
    return { name, file, profile, engine, ...outcomesOf(group) };
  });
  return {
    schema: 'cnpg-chaos/report',
    version: reportVersion,
    run: {
      ...run,
      finishedAt: o.finishedAt.toISOString(),
      durationMs: o.finishedAt.getTime() - Date.parse(run.startedAt),
      interrupted: state.interruptedBy !== undefined,
    },
    totals,
    experiments,
    ...(repeats.length === 0 ? {} : { repeats }),
  };
}

/** A control that came out red, as its spec says it must. */
export function isAsExpected(experiment: Pick<ExperimentReport, 'verdict' | 'expected'>): boolean {
  return experiment.verdict !== 'pass' && experiment.expected?.met === true;
}

/** Turns a list of events into intervals, one per phase change, in the order they happened. */
export function phaseSpans(events: readonly TimelineEntry[], endMs?: number): PhaseSpan[] {
  const spans: PhaseSpan[] = [];
  for (const event of events) {
    const last = spans.at(-1);
    if (last?.phase === event.phase) continue;
    if (last) last.endMs = event.atMs;
    spans.push({ phase: event.phase, startMs: event.atMs });
  }
  const last = spans.at(-1);
  if (last && endMs !== undefined) last.endMs = endMs;
  return spans;
}

function aborted(experiment: ObservedExperiment, o: { finishedAt: Date }): ExperimentReport {
  return {
    ...experiment.start,
    durationMs: o.finishedAt.getTime() - Date.parse(experiment.start.startedAt),
    verdict: 'aborted',
    findings: [
      {
        verdict: 'aborted',
        source: 'run',
        reason: 'the run ended before the experiment did: its process was killed or it never came back',
      },
    ],
    faults: [],
    runs: [],
    phases: phaseSpans(experiment.events),
    timeline: experiment.events,
  };
}
