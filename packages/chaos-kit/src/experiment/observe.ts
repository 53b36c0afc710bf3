import { waitFor } from '@cnpg-chaos/cnpg-utils';
import type { Evidence, Observation } from '../faults/observation.ts';

// an effect is dated by the look that saw it: a tenth of a second is the resolution of that
const intervalMs = 100;

/**
 * Looks until something is seen.
 *
 * @throws WaitTimeoutError with what was seen last.
 */
export async function observeUntilSeen(
  what: string,
  look: (signal: AbortSignal) => Promise<Observation>,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<Evidence> {
  let notBeforeMs = performance.now();
  return waitFor<Evidence>(
    what,
    async (signal, probe) => {
      const startedMs = performance.now();
      const { seen, ...rest } = await look(signal);
      if (seen) return { ...rest, seen: true, atMs: performance.now(), notBeforeMs };
      notBeforeMs = startedMs;
      probe.observe(rest.what);
      return undefined;
    },
    { timeoutMs: options.timeoutMs, intervalMs, signal: options.signal },
  );
}
