import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError, isTransientKubeError } from '@cnpg-chaos/cnpg-utils';

const pauseMs = 500;

/**
 * Calls again while the API server does not answer: it may itself be what was broken. Only the caller's signal bounds it.
 * Only for what may be done twice.
 *
 * @param isTransient which errors are worth another try. Default: no answer from the API server, 429 and 5xx
 */
export async function retryTransient<T>(
  call: () => Promise<T>,
  signal: AbortSignal,
  isTransient: (error: unknown) => boolean = isTransientKubeError,
): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!isTransient(error)) throw error;
      await sleep(pauseMs, undefined, { signal });
    }
  }
}

/** Reads, changes and writes again when somebody else wrote meanwhile, at most 20 times. */
export async function retryConflicts<T>(readAndWrite: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readAndWrite();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ConflictError) || attempt === 20) throw error;
      await sleep(attempt * 10, undefined, { signal });
    }
  }
}
