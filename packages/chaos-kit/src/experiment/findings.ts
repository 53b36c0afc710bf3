import { EngineError, EngineUnavailableError } from '../engines/engine-error.ts';
import { FaultOptionsError } from '../faults/fault.ts';
import { HistoryWriteError } from '../ledger/index.ts';
import { BlastRadiusError } from '../safety/blast-radius.ts';
import { GuardError } from '../safety/guard-error.ts';
import { JournalError } from '../safety/journal/journal-error.ts';
import { TargetError } from '../targets/target.ts';
import {
  ExperimentOverError,
  FaultConflictError,
  HealError,
  NoEffectError,
  RecoveryError,
  SteadyStateError,
} from './experiment-error.ts';
import type { Finding } from './verdict.ts';

/**
 * Says what an error means for the verdict. What keeps a fault from happening proves nothing about the system under
 * test; what goes wrong after it happened does.
 *
 * @param aborted whether the experiment had been told to stop when the error came
 */
export function findingOf(error: unknown, aborted: boolean): Finding {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof HealError) return { verdict: 'unhealed', source: 'heal', reason };
  if (aborted || error instanceof ExperimentOverError) return { verdict: 'aborted', source: 'abort', reason };
  // whatever waits for writes gets it, since the ledger writes nothing that it cannot keep
  if (error instanceof HistoryWriteError) return { verdict: 'inconclusive', source: 'ledger', reason };
  if (error instanceof RecoveryError) return { verdict: 'fail', source: 'recover', reason };
  if (error instanceof NoEffectError) return { verdict: 'inconclusive', source: 'evidence', reason };
  if (error instanceof SteadyStateError) return { verdict: 'inconclusive', source: 'steady-state', reason };
  if (error instanceof EngineError) return { verdict: 'inconclusive', source: 'engine', reason };
  if (error instanceof TargetError) return { verdict: 'inconclusive', source: 'target', reason };
  const refusals = [GuardError, EngineUnavailableError, FaultOptionsError, FaultConflictError, BlastRadiusError];
  if (error instanceof JournalError) return { verdict: 'inconclusive', source: 'journal', reason };
  if (refusals.some((refusal) => error instanceof refusal)) {
    return { verdict: 'inconclusive', source: 'refused', reason };
  }
  return { verdict: 'fail', source: 'body', reason };
}
