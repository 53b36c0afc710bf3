import type { EngineContext, UndoEntry } from '../engines/engine.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import { HealError } from './experiment-error.ts';
import type { Journal } from './journal.ts';
import { withLimit } from './limit.ts';

/** What undoing needs. */
export interface UndoTools {
  readonly journal: Journal;
  readonly engines: EngineRegistry;
  readonly context: EngineContext;
  /** Limit of an undo that brings none of its own, in milliseconds. */
  readonly limitMs: number;
  /** Told of every undo that was carried out, and how. */
  readonly onUndone?: (entry: UndoEntry, how: string) => void;
}

/**
 * Carries out entries in the reverse order of their registration. Each has its own limit, so one that hangs costs its
 * limit and no more, and a failure does not keep the others from being undone. The signal of the experiment is not asked:
 * healing happens because it fired.
 *
 * @throws HealError with every failure and the commands to type by hand. Failed entries stay open in the journal.
 */
export async function undoAll(entries: readonly UndoEntry[], tools: UndoTools): Promise<void> {
  const errors: Error[] = [];
  const commands: string[] = [];
  for (const entry of entries.toReversed()) {
    const engine = tools.engines[entry.engine];
    try {
      const limitMs = entry.limitMs ?? tools.limitMs;
      const undo = async (signal: AbortSignal) => engine.undo(entry, tools.context, signal);
      const how = await withLimit(`undo ${entry.kind} by ${entry.engine}`, limitMs, undo);
      await tools.journal.close(entry.id);
      tools.onUndone?.(entry, how);
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
      commands.push(engine.manualCommand(entry));
    }
  }
  if (errors.length > 0) throw new HealError(errors, commands);
}
