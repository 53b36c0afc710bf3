import { type Engine, type EngineContext, type EngineName, engineNames, type EngineProblem } from './engine.ts';
import { EngineUnavailableError } from './engine-error.ts';
import type { EngineRegistry } from './registry.ts';

/** An engine wish: a name, or `auto` to take what the cluster offers. */
export type EngineWish = EngineName | 'auto';

/** What `chooseEngine` decides on. */
export interface EngineChoice {
  readonly fault: string;
  /** Engines that the fault has an action for. */
  readonly supported: readonly EngineName[];
  /** From the fault's own option. Wins. */
  readonly option?: EngineWish | undefined;
  /** From the experiment or the configuration. */
  readonly config?: EngineWish | undefined;
  /** Why an engine that is not supported cannot. */
  readonly unsupported?: Partial<Readonly<Record<EngineName, string>>> | undefined;
  /** What the fault asks of an engine besides itself. Default: nothing. */
  readonly needs?: ((engine: EngineName) => readonly string[]) | undefined;
}

// The agent first: it needs no kernel modules, and what it does ends on the node by itself. Then Chaos Mesh: where somebody
// installed it, its behaviour is what they want to see.
const preference: readonly EngineName[] = ['agent', 'chaos-mesh', 'kubernetes', 'lab'];

/**
 * Says which engines may be tried for a fault, best first. An explicit wish leaves exactly one.
 *
 * @throws EngineUnavailableError when the wished engine has no action for the fault; names the engines that have one.
 */
export function engineCandidates(choice: EngineChoice): readonly EngineName[] {
  const wish = choice.option ?? choice.config ?? 'auto';
  if (wish === 'auto') {
    const candidates = preference.filter((name) => choice.supported.includes(name));
    if (candidates.length === 0) throw new EngineUnavailableError(`${choice.fault}: no engine can do this fault`);
    return candidates;
  }
  if (!engineNames.includes(wish)) {
    throw new EngineUnavailableError(
      `engine: got ${JSON.stringify(wish)}, expected one of auto, ${engineNames.join(', ')}`,
    );
  }
  if (!choice.supported.includes(wish)) {
    const reason = choice.unsupported?.[wish];
    const why = reason === undefined ? '' : ` (${reason})`;
    const able = choice.supported.join(', ') || 'none';
    throw new EngineUnavailableError(
      `${choice.fault}: engine "${wish}" cannot do this fault${why}; engines that can: ${able}`,
    );
  }
  return [wish];
}

/**
 * Chooses the engine for a fault: its option, then the configuration, then the first that the cluster offers.
 *
 * @throws EngineUnavailableError naming what is missing, before anything is touched.
 */
export async function selectEngine(
  choice: EngineChoice,
  engines: EngineRegistry,
  context: EngineContext,
  signal: AbortSignal,
): Promise<Engine> {
  const candidates = engineCandidates(choice);
  const refused: string[] = [];
  for (const name of candidates) {
    const engine = engines[name];
    const problems = await engine.preflight(context, signal, choice.needs?.(name) ?? []);
    if (problems.length === 0) return engine;
    refused.push(describeProblems(name, problems));
  }
  const others = choice.supported.filter((name) => !candidates.includes(name));
  const hint = others.length > 0 ? `\n  engines that can also do ${choice.fault}: ${others.join(', ')}` : '';
  throw new EngineUnavailableError(`${choice.fault}: no usable engine\n  ${refused.join('\n  ')}${hint}`);
}

/** One line per engine: what is missing and what to do. */
export function describeProblems(engine: EngineName, problems: readonly EngineProblem[]): string {
  return `engine "${engine}": ${problems.map((p) => `${p.missing} (${p.remedy})`).join('; ')}`;
}
