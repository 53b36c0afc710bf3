import type { EngineName, Json } from '../engines/engine.ts';
import type { Evidence } from '../faults/observation.ts';
import type { LedgerVerification } from '../ledger/index.ts';
import type { ResolvedTarget } from '../targets/target.ts';
import type { ExperimentRun } from './experiment-run.ts';
import type { PhaseSpan, TimelineEvent } from './timeline.ts';
import type { ExpectedVerdict, Finding, KnownDefect, Verdict } from './verdict.ts';

/** One injected fault, as plain data. */
export interface FaultRecord {
  readonly id: string;
  readonly fault: string;
  readonly engine: EngineName;
  readonly options: { readonly [key: string]: Json };
  readonly targets: readonly ResolvedTarget[];
  readonly injectedAtMs?: number;
  /** Missing: its effect was never seen. */
  readonly effect?: Evidence;
  /** Missing: it was never seen healed. */
  readonly healing?: Evidence;
}

/** The numbers of one `withX`, as plain data. */
export type RunRecord = Omit<ExperimentRun, 'faults'> & { readonly faultIds: readonly string[] };

/** Everything that is known of an experiment, as plain data. Times ending in `Ms` are `performance.now()`. */
export interface ExperimentResult {
  readonly id: string;
  readonly runId: string;
  readonly name: string;
  readonly seed: number;
  readonly profile: string;
  readonly cluster: { readonly namespace: string; readonly name: string };
  /** Wall clock time of `startMs`. */
  readonly startedAt: string;
  readonly startMs: number;
  readonly durationMs: number;
  /** The true verdict, whatever was expected. */
  readonly verdict: Verdict;
  /** What a control experiment expected. */
  readonly expected?: ExpectedVerdict;
  readonly knownDefect?: KnownDefect;
  readonly findings: readonly Finding[];
  readonly faults: readonly FaultRecord[];
  readonly runs: readonly RunRecord[];
  readonly ledger?: LedgerVerification;
  readonly phases: readonly PhaseSpan[];
  readonly timeline: readonly TimelineEvent[];
}
