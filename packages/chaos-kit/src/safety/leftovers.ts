import { type EngineContext, type EngineName, engineNames, type Leftover } from '../engines/engine.ts';
import { PartlyBlindError } from '../engines/engine-error.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import { withLimit } from '../experiment/limit.ts';

/** Longest that one engine may look. */
const lookMs = 30_000;

/** A leftover and the engine that knows how to remove it. */
export interface FoundLeftover extends Leftover {
  readonly engine: EngineName;
}

/** What all engines see. */
export interface LeftoverScan {
  readonly found: readonly FoundLeftover[];
  /** Engines that could not look, one sentence each. While there is one, nothing found does not mean that nothing is there. */
  readonly blind: readonly string[];
}

/** Asks every engine what is left in a cluster under test and around it. Touches nothing. */
export async function findLeftovers(engines: EngineRegistry, context: EngineContext): Promise<LeftoverScan> {
  const found: FoundLeftover[] = [];
  const blind: string[] = [];
  await Promise.all(
    engineNames.map(async (engine) => {
      try {
        const what = `${engine} to look for what was left behind`;
        const look = (signal: AbortSignal) => engines[engine].leftovers(context, signal);
        for (const leftover of await withLimit(what, lookMs, look)) found.push({ ...leftover, engine });
      } catch (error) {
        if (error instanceof PartlyBlindError) found.push(...error.found.map((leftover) => ({ ...leftover, engine })));
        blind.push(`engine ${engine} could not look: ${error instanceof Error ? error.message : String(error)}`);
      }
    }),
  );
  return { found: found.toSorted((a, b) => a.what.localeCompare(b.what)), blind };
}

/** Removes a leftover. @returns how */
export function removeLeftover(
  leftover: FoundLeftover,
  engines: EngineRegistry,
  context: EngineContext,
  limitMs: number,
): Promise<string> {
  const entry = { ...leftover.undo, id: leftover.what, engine: leftover.engine, faultId: 'sweep' };
  return withLimit(`remove ${leftover.what}`, leftover.undo.limitMs ?? limitMs, (signal) =>
    engines[leftover.engine].undo(entry, context, signal),
  );
}
