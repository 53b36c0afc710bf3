export { buildReport, isAsExpected, phaseSpans, RunState } from './build-report.ts';
export type { ObservedExperiment } from './build-report.ts';
export { formatCount, formatMs, plural } from './format.ts';
export { removeRunLog, RunLogReader, RunLogWriter } from './run-log.ts';
export type { ExperimentStart, ProgressSample, RunLogRecord } from './run-log.ts';
export {
  experimentReportSchema,
  InvalidReportError,
  parseReport,
  phaseSchema,
  reportSchema,
  reportVersion,
  verdictSchema,
} from './schema.ts';
export type {
  AcceptedLoss,
  CheckReport,
  ExperimentReport,
  FaultReport,
  Finding,
  LedgerReport,
  Metrics,
  PhaseSpan,
  Report,
  ReportPhase,
  ReportVerdict,
  RunReport,
  TimelineEntry,
  WriteCounts,
} from './schema.ts';
export { spreadOf } from './spread.ts';
export type { ExperimentSpread, Spread } from './spread.ts';
export { renderStepSummary } from './step-summary.ts';
export { renderSummary, renderVerdictLine } from './terminal.ts';
export type { SummaryOptions } from './terminal.ts';
