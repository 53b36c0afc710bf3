export { columnText } from './target.ts';
export type {
  Address,
  AdminQuery,
  DatabaseAdmin,
  FinalInstance,
  FinalReader,
  InstanceAddress,
  LedgerTarget,
} from './target.ts';
export { durabilityObjection } from './durability.ts';
export type {
  DurabilityInForce,
  DurabilityProfile,
  DurabilitySettings,
  SessionRecord,
  StandbyObservation,
  ZeroLossClaim,
} from './durability.ts';
export {
  LedgerDurabilityError,
  LedgerError,
  LedgerOptionError,
  LedgerProcessError,
  LedgerStartError,
  LedgerTimeoutError,
} from './errors.ts';
export { podPlace } from './process/pod-place.ts';
export type { PodPlace, PodPlaceOptions } from './process/pod-place.ts';
export type { WriterPlace } from './process/link.ts';
export { HistoryError, HistoryWriteError } from './history/history-error.ts';
export { verifyAgainst } from './history/verify-against.ts';
export { verifyStored } from './history/verify-stored.ts';
export type { StoredVerification } from './history/verify-stored.ts';
export type { CheckResult } from './checkers/checker.ts';
export type { FaultFacts } from '../observers/observation-file.ts';
export { Ledger } from './ledger.ts';
export type { LedgerProgress, LedgerWaitOptions } from './ledger.ts';
export type { WriteGap, WriteRecovery } from './measure.ts';
export type { LedgerOptions, ResolvedLedgerOptions } from './options.ts';
export type { Outcome } from './outcome.ts';
export type { Origin, ReasonCount } from './run-record.ts';
export type { Gap, LatencySummary } from './service-times.ts';
export type { ForeignRow } from './tally.ts';
export type { LedgerCounts, LedgerVerdict } from './verdict.ts';
export type { LedgerVerification } from './judge-run.ts';
export type { LossByOrigin, LostWrite } from './losses.ts';
export * from './transactions/index.ts';
