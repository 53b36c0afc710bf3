import { vi } from 'vitest';

/** Repeats a check until it holds, at most ten seconds: on a busy machine one second is not enough. */
export async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 10_000, interval: 20 });
}
