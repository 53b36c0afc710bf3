import { setTimeout as sleep } from 'node:timers/promises';
import { isTransientKubeError } from '@cnpg-chaos/cnpg-utils';
import type { EngineContext, UndoEntry } from '../engines/engine.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import { HealError } from './experiment-error.ts';
import type { Journal } from './journal.ts';
import { LimitExceededError, withLimit } from './limit.ts';

/** What undoing needs. */
export interface UndoTools {
  readonly journal: Pick<Journal, 'close'>;
  readonly engines: EngineRegistry;
  readonly context: EngineContext;
  /** Limit of an undo that brings none of its own, in milliseconds. */
  readonly limitMs: number;
  /** Told of every undo that was carried out, and how. */
  readonly onUndone?: (entry: UndoEntry, how: string) => void;
}

interface FailedUndo {
  readonly error: Error;
  readonly manualCommand: string;
}

/** Pause before an undo is tried again that failed because the API server did not answer. */
const retryMs = 500;

/**
 * Carries out entries: those of one fault in the reverse order of their registration, different faults side by side. An
 * undo that hangs costs its own limit; what belongs to other faults does not wait for it, and a failure keeps nothing
 * from being undone. While the API server does not answer, an undo is tried again until its limit. The signal of the
 * experiment is not asked: healing happens because it fired.
 *
 * @throws HealError with every failure and the commands to type by hand. Failed entries stay open in the journal.
 */
export async function undoAll(entries: readonly UndoEntry[], tools: UndoTools): Promise<void> {
  const latestFirst = Map.groupBy(entries.toReversed(), (entry) => entry.faultId);
  const failed = await Promise.all([...latestFirst.values()].map((ofFault) => undoInOrder(ofFault, tools)));
  const failures = failed.flat();
  if (failures.length === 0) return;
  throw new HealError(
    failures.map(({ error }) => error),
    failures.map(({ manualCommand }) => manualCommand),
  );
}

async function undoInOrder(entries: readonly UndoEntry[], tools: UndoTools): Promise<FailedUndo[]> {
  const failures: FailedUndo[] = [];
  for (const entry of entries) {
    const what = `undo ${entry.kind} by ${entry.engine}`;
    let unanswered: unknown;
    try {
      const undo = (signal: AbortSignal) => undoPatiently(entry, tools, signal, (error) => (unanswered = error));
      const how = await withLimit(what, entry.limitMs ?? tools.limitMs, undo);
      await tools.journal.close(entry.id);
      tools.onUndone?.(entry, how);
    } catch (error) {
      failures.push({
        error: toError(error, unanswered),
        manualCommand: tools.engines[entry.engine].manualCommand(entry),
      });
    }
  }
  return failures;
}

// the API server may be what was broken, or be away at the wrong moment
async function undoPatiently(
  entry: UndoEntry,
  { engines, context }: UndoTools,
  signal: AbortSignal,
  onUnanswered: (error: unknown) => void,
): Promise<string> {
  for (;;) {
    try {
      return await engines[entry.engine].undo(entry, context, signal);
    } catch (error) {
      if (!causes(error).some(isTransientKubeError)) throw error;
      onUnanswered(error);
      await sleep(retryMs, undefined, { signal });
    }
  }
}

function toError(error: unknown, unanswered: unknown): Error {
  if (error instanceof LimitExceededError && unanswered instanceof Error) {
    return new LimitExceededError(`${error.message}; last: ${unanswered.message}`, { cause: unanswered });
  }
  return error instanceof Error ? error : new Error(String(error));
}

function causes(error: unknown): unknown[] {
  return error instanceof Error && error.cause !== undefined ? [error, ...causes(error.cause)] : [error];
}
