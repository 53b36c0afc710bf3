import pRetry, { AbortError } from 'p-retry';
import { isTransientKubeError } from './kube/errors.ts';

/** Options of {@link retry}. */
export interface RetryOptions {
  /** How often to try again after the first time. @default 4 */
  retries?: number;
  /** Pause before the first repetition in milliseconds; each later one doubles it. @default 250 */
  minTimeoutMs?: number;
  /** Longest pause in milliseconds. @default 5000 */
  maxTimeoutMs?: number;
  /** No repetition starts later than this many milliseconds after the first try. @default 30000 */
  maxRetryTimeMs?: number;
  /** Ends the retrying at once, also in the middle of a pause. */
  signal?: AbortSignal;
  /** Which errors are worth another try. @default no answer from the API server, 429 and 5xx */
  retryIf?: (error: unknown) => boolean;
}

/**
 * Runs an action that may be repeated safely until it succeeds. Never use it for what injects a fault (a repetition
 * after a lost reply injects it twice) nor for what measures time.
 *
 * @throws the error of the last try
 */
export async function retry<T>(action: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const retryIf = options.retryIf ?? isTransientKubeError;
  return await pRetry(
    async (attempt) => {
      try {
        return await action(attempt);
      } catch (error) {
        // p-retry refuses to retry some errors and to report what is no Error; the decision is ours alone.
        if (retryIf(error)) throw error instanceof Error ? new Retryable(error) : error;
        throw new AbortError(error instanceof Error ? error : new Error(String(error)));
      }
    },
    {
      retries: options.retries ?? 4,
      minTimeout: options.minTimeoutMs ?? 250,
      maxTimeout: options.maxTimeoutMs ?? 5_000,
      maxRetryTime: options.maxRetryTimeMs ?? 30_000,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  ).catch((error: unknown) => {
    throw error instanceof Retryable ? error.original : error;
  });
}

class Retryable extends Error {
  readonly original: Error;
  constructor(original: Error) {
    super(original.message);
    this.original = original;
  }
}
