import { formatDuration } from './duration.ts';
import { isTransientKubeError } from './kube/errors.ts';
import { anySignal, raceSignal, sleep } from './signals.ts';

/** Options of {@link waitFor}. */
export interface WaitOptions<T = unknown> {
  /** Deadline of the whole wait in milliseconds. There is no default: who waits says for how long. */
  timeoutMs: number;
  /** Pause between two probes in milliseconds. @default 1000 */
  intervalMs?: number;
  /** Ends the wait early. It rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Says what was seen last. It gets what the last probe reported with {@link WaitProbe.observe}, or else its error.
   * @default the observation as text
   */
  describe?: (last: unknown) => string;
  /** Called with each new description, for live progress. */
  onProgress?: (description: string, elapsedMs: number) => void;
  /**
   * Which errors of a probe mean "not yet". All others end the wait at once.
   * @default no answer from the API server, 429 and 5xx
   */
  tolerate?: (error: unknown) => boolean;
  /** Whether the value will do. @default every value but undefined */
  until?: (value: T) => boolean;
}

/** Given to a probe as its second argument. */
export interface WaitProbe {
  /** Reports what this probe saw. It ends up in the error when the wait runs out. */
  observe: (what: unknown) => void;
  /** 1 for the first probe. */
  attempt: number;
}

/** A wait ran out. */
export class WaitTimeoutError extends Error {
  override readonly name = 'WaitTimeoutError';
  readonly code = 'CNPG_WAIT_TIMEOUT';
  /** What was waited for. */
  readonly what: string;
  /** What the last probe that ended saw, as text. */
  readonly lastObserved: string;
  readonly elapsedMs: number;

  constructor(what: string, lastObserved: string, elapsedMs: number, cause?: unknown) {
    super(
      `Timed out after ${formatDuration(elapsedMs)} waiting for ${what}. Last observed: ${lastObserved}`,
      cause === undefined ? undefined : { cause },
    );
    this.what = what;
    this.lastObserved = lastObserved;
    this.elapsedMs = elapsedMs;
  }
}

/**
 * Calls `probe` until it returns something other than undefined.
 *
 * A probe that hangs does not prolong the wait: at the deadline its signal aborts and the wait rejects.
 *
 * @param what what is waited for, as it should read after "waiting for"
 * @param probe looks once; gets a signal that aborts at the deadline
 * @throws WaitTimeoutError at the deadline, with the last observed state
 * @throws whatever the probe threw, unless `tolerate` accepts it
 */
export async function waitFor<T>(
  what: string,
  probe: (signal: AbortSignal, probe: WaitProbe) => Promise<T | undefined>,
  options: WaitOptions<T>,
): Promise<T> {
  const { timeoutMs, intervalMs = 1000, signal, describe = describeObservation, onProgress } = options;
  const tolerate = options.tolerate ?? isTransientKubeError;
  signal?.throwIfAborted();

  const startedAt = performance.now();
  const expired = new AbortController();
  const timer = setTimeout(() => {
    expired.abort(new DOMException('deadline', 'TimeoutError'));
  }, timeoutMs);
  const either = anySignal(signal, expired.signal) ?? expired.signal;

  let last: unknown;
  let lastError: unknown;
  let reported = '';
  const progress = () => {
    if (onProgress === undefined) return;
    const text = describe(last);
    if (text === reported) return;
    reported = text;
    onProgress(text, performance.now() - startedAt);
  };

  try {
    for (let attempt = 1; ; attempt++) {
      let observed: unknown;
      let current = true;
      try {
        const value = await raceSignal(
          probe(either, {
            attempt,
            observe: (what) => {
              observed = what;
              // A probe that is given up must not overwrite what later ones see.
              if (current) {
                last = what;
                lastError = undefined;
              }
            },
          }),
          either,
        );
        if (value !== undefined && (options.until?.(value) ?? true)) return value;
        last = observed ?? value;
        lastError = undefined;
      } catch (error) {
        if (either.aborted || !tolerate(error)) throw error;
        last = error;
        lastError = error;
      } finally {
        current = false;
      }
      progress();
      await sleep(intervalMs, either);
    }
  } catch (error) {
    if (expired.signal.aborted && signal?.aborted !== true) {
      throw new WaitTimeoutError(what, describe(last), performance.now() - startedAt, lastError);
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Any observation as short text. */
export function describeObservation(last: unknown): string {
  if (last === undefined) return 'nothing yet';
  if (typeof last === 'string') return last;
  if (last instanceof Error) return `${last.name}: ${last.message}`;
  try {
    const text = JSON.stringify(last) ?? typeof last;
    return text.length > 600 ? `${text.slice(0, 600)}…` : text;
  } catch {
    return Object.prototype.toString.call(last);
  }
}
