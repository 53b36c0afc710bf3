import { waitFor } from '@cnpg-chaos/cnpg-utils';
import type { ExperimentSubject } from './subject.ts';

/** Options of `waitHealthy`. */
export interface WaitHealthyOptions {
  readonly timeoutMs: number;
  /** Pause between two looks, in milliseconds. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
  /** Told when each look that found something wrong began, `performance.now()`. */
  readonly onUnhealthy?: (lookedAtMs: number) => void;
}

/**
 * Waits until the cluster is healthy by every measure. Looks twice: what is healthy only for a moment does not count.
 *
 * @returns the time of the first of the two looks, `performance.now()`
 * @throws WaitTimeoutError with the last problems.
 */
export async function waitHealthy(
  what: string,
  cluster: Pick<ExperimentSubject, 'health'>,
  options: WaitHealthyOptions,
): Promise<number> {
  const { timeoutMs, pollMs, signal, onUnhealthy = () => {} } = options;
  let healthySinceMs: number | undefined;
  return waitFor(
    what,
    async (limit, probe) => {
      const startedMs = performance.now();
      const health = await cluster.health(limit);
      if (health.healthy && healthySinceMs !== undefined) return healthySinceMs;
      healthySinceMs = health.healthy ? performance.now() : undefined;
      if (!health.healthy) onUnhealthy(startedMs);
      probe.observe(health.healthy ? 'healthy, looking again' : health.problems.join('; '));
      return undefined;
    },
    { timeoutMs, intervalMs: pollMs, signal },
  );
}
