import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './errors.ts';

/** How {@link poll} waits. */
export interface PollOptions {
  /** Milliseconds until it gives up. */
  timeoutMs: number;
  /** Milliseconds between two looks; default 200. */
  intervalMs?: number;
  signal?: AbortSignal | undefined;
}

/** A look at something awaited: either it is there, or what is missing in words. */
export type Look<T> = { done: true; value: T } | { done: false; state: string };

/** Shorthand for a {@link Look} that found what it wanted. */
export const found = <T>(value: T): Look<T> => ({ done: true, value });
/** Shorthand for a {@link Look} that did not; `state` goes into the error when time runs out. */
export const missing = (state: string): Look<never> => ({ done: false, state });

/** Thrown by a look to end the wait at once: looking again would not help. */
export class Hopeless extends LabError {}

/**
 * Looks again and again until the look is done. An error of a look counts as "not yet", unless it is {@link Hopeless}.
 * Throws {@link LabError} `TIMEOUT` with the last state.
 */
export async function poll<T>(what: string, look: () => Promise<Look<T>>, options: PollOptions): Promise<T> {
  const started = performance.now();
  let state = 'nothing seen';
  for (;;) {
    options.signal?.throwIfAborted();
    let cause: unknown;
    try {
      const seen = await look();
      if (seen.done) return seen.value;
      state = seen.state;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      cause = error;
      state = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() - started > options.timeoutMs) {
      throw new LabError('TIMEOUT', `${what}: not within ${options.timeoutMs / 1000} s; last seen: ${state}`, {
        cause,
      });
    }
    await sleep(options.intervalMs ?? 200, undefined, options.signal ? { signal: options.signal } : {});
  }
}
