import type { ExperimentResult, FaultRecord, RunRecord } from '../experiment/experiment-result.ts';
import type { TimelineEvent } from '../experiment/timeline.ts';
import type { LedgerVerification } from '../ledger/index.ts';
import type { ExperimentStart } from '../report/run-log.ts';
import type { ExperimentReport, FaultReport, LedgerReport, Metrics, TimelineEntry } from '../report/schema.ts';
import type { LossBound } from './bound-ledger.ts';

/** An event with its time counted from the start of the experiment. */
export function timelineEntry(event: TimelineEvent, startMs: number): TimelineEntry {
  return { ...event, data: event.data === undefined ? undefined : { ...event.data }, atMs: event.atMs - startMs };
}

/** The report of an experiment: its result with times counted from its start, and what the test knows of it. */
export function toExperimentReport(
  result: ExperimentResult,
  start: ExperimentStart,
  accepted: LossBound | undefined,
  history?: string,
): ExperimentReport {
  const { startMs } = result;
  return {
    ...start,
    id: result.id,
    cluster: result.cluster,
    startedAt: result.startedAt,
    durationMs: result.durationMs,
    engine: result.faults[0]?.engine ?? start.engine,
    verdict: result.verdict,
    findings: result.findings.map((finding) => ({ ...finding })),
    faults: result.faults.map((fault) => faultReport(fault, startMs)),
    runs: result.runs.map(metrics),
    phases: result.phases.map((span) => ({
      phase: span.phase,
      startMs: span.startMs - startMs,
      ...(span.endMs === undefined ? {} : { endMs: span.endMs - startMs }),
    })),
    timeline: result.timeline.map((event) => timelineEntry(event, startMs)),
    ...(result.expected === undefined ? {} : { expected: { ...result.expected } }),
    ...(result.knownDefect === undefined ? {} : { knownDefect: { ...result.knownDefect } }),
    ...(result.ledger === undefined ? {} : { ledger: ledgerReport(result.ledger, startMs, history) }),
    ...(accepted === undefined ? {} : { acceptedLoss: { ...accepted } }),
  };
}

function faultReport(fault: FaultRecord, startMs: number): FaultReport {
  const { id, engine, targets, effect, healing, injectedAtMs } = fault;
  return {
    id,
    fault: fault.fault,
    engine,
    options: { ...fault.options },
    targets: targets.map((target) => {
      const { kind, role, name, uid } = target;
      return { kind, role, ...('namespace' in target ? { namespace: target.namespace } : {}), name, uid };
    }),
    ...(injectedAtMs === undefined ? {} : { injectedAtMs: injectedAtMs - startMs }),
    ...(effect === undefined ? {} : { effect: { what: effect.what, atMs: effect.atMs - startMs } }),
    ...(healing === undefined ? {} : { healing: { what: healing.what, atMs: healing.atMs - startMs } }),
  };
}

function metrics(run: RunRecord): Metrics {
  const {
    faultIds,
    uncertain,
    promotions,
    detectedMs,
    promotedMs,
    recoveryMs,
    writeGapMs,
    writeGapResolutionMs,
    convergedMs,
  } = run;
  return {
    faultIds: [...faultIds],
    uncertain: [...uncertain],
    promotions,
    detectedMs,
    promotedMs,
    recoveryMs,
    writeGapMs,
    writeGapResolutionMs,
    convergedMs,
    primaryBefore: run.primaryBefore,
    primaryAfter: run.primaryAfter,
  };
}

function ledgerReport(verification: LedgerVerification, startMs: number, history: string | undefined): LedgerReport {
  const { verdict, integrity, reasons, counts, lost, zeroLossClaim, durability, timelines, notes } = verification;
  return {
    verdict,
    integrity,
    reasons: [...reasons],
    counts: { ...counts },
    lost: lost.map((write) => ({ ...write, ackedAtMs: write.ackedAtMs - startMs })),
    zeroLossClaim: { ...zeroLossClaim },
    durability: durability.inForce.map(({ synchronousCommit, synchronousStandbyNames, fsync, acknowledged }) => ({
      synchronousCommit,
      synchronousStandbyNames,
      fsync,
      acknowledged,
    })),
    failures: verification.failures.slice(0, 10).map(({ reason, count }) => ({ reason, count })),
    timelines: [...timelines],
    notes: [...notes],
    checks: verification.checks.map((check) => ({ ...check, sentences: [...check.sentences] })),
    ...(history === undefined ? {} : { history }),
  };
}
