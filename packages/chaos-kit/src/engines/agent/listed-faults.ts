import { EngineError } from '../engine-error.ts';

/** A fault that an agent found on its node. */
export interface ListedFault {
  readonly id: string;
  readonly family: string;
  /** Until it ends by itself; undefined when the agent does not know it and only found it. */
  readonly secondsLeft: number | undefined;
  readonly runId: string | undefined;
  /** Where it is, in words. */
  readonly what: string;
}

/** Reads what the agent's `list` printed: tab-separated lines. @throws EngineError when a line is not of that form */
export function parseListed(text: string): readonly ListedFault[] {
  const faults = new Map<string, ListedFault>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [id, family, left, run, what, ...more] = line.split('\t');
    if (
      id === undefined ||
      !family ||
      left === undefined ||
      run === undefined ||
      what === undefined ||
      more.length > 0
    ) {
      throw new EngineError('agent', `list: got the line ${JSON.stringify(line)}, expected five fields`);
    }
    // one fault may be found at several places
    const known = faults.get(id);
    faults.set(id, {
      id,
      family,
      secondsLeft: left === '-' ? undefined : Number(left),
      runId: run === '-' ? undefined : run,
      what: known === undefined ? what : `${known.what}; ${what}`,
    });
  }
  return [...faults.values()];
}
