/** Something took longer than its limit. */
export class LimitExceededError extends Error {
  override readonly name = 'LimitExceededError';
  readonly code = 'CHAOS_LIMIT';
}

/**
 * Runs `work` with a signal of its own that fires after `limitMs`, and gives up on it then even when it ignores the
 * signal.
 *
 * @throws LimitExceededError naming `what`.
 */
export async function withLimit<T>(
  what: string,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const error = new LimitExceededError(`${what}: not done within ${limitMs / 1000} s`);
    controller.abort(error);
    reject(error);
  }, limitMs);
  const running = work(controller.signal);
  // a loser of the race may still fail later; that must not end the process
  running.catch(() => {});
  try {
    return await Promise.race([running, expired]);
  } finally {
    clearTimeout(timer);
  }
}
