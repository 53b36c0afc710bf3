/** Environment variable that lets chaos specs run in watch mode. */
export const allowWatchVariable = 'CNPG_CHAOS_ALLOW_WATCH';

/** Thrown when chaos specs are about to run in watch mode. Nothing was touched. */
export class WatchModeRefusedError extends Error {
  override readonly name = 'WatchModeRefusedError';
  readonly code = 'WATCH_MODE_REFUSED';
}

/**
 * Refuses watch mode unless it was asked for: there, saving a file would break a cluster again.
 * @throws {WatchModeRefusedError} saying how to run once and how to opt in.
 */
export function assertNoWatch(
  o: { watch: boolean; allowWatch: boolean; project: string },
  env: NodeJS.ProcessEnv = process.env,
): void {
  const value = env[allowWatchVariable];
  if (!o.watch || o.allowWatch || (value !== undefined && value !== '' && value !== '0')) return;
  throw new WatchModeRefusedError(
    `chaos specs do not run in watch mode, where saving a file would break the cluster again. ` +
      `Run them once: npx vitest run --project ${o.project}. ` +
      `To watch all the same, set allowWatch in defineChaosProject() or ${allowWatchVariable}=1. ` +
      `To watch other projects: npx vitest --project '!${o.project}'.`,
  );
}
