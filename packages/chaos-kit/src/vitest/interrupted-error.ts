import { existsSync, readFileSync } from 'node:fs';
import { stopMarkerPath } from './run-files.ts';

/** Why a run that was stopped by a signal did not go on. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly code = 'INTERRUPTED';

  constructor(signal: string) {
    super(`stopped by ${signal}`);
    // Where in this code the signal arrived helps nobody.
    this.stack = `${this.name}: ${this.message}`;
  }
}

/** What is in the stop marker when the run was ended by its stop file, and in the report. */
export const stopRequest = 'chaos-kit stop';

/** Whether the run was ended by its stop file. */
export function isStopRequested(runLogPath: string): boolean {
  const marker = stopMarkerPath(runLogPath);
  return existsSync(marker) && readFileSync(marker, 'utf8') === stopRequest;
}

/**
 * Refuses to begin anything in a run that was told to stop. vitest cancels the tests of a worker, but a worker that has
 * not got to its tests yet, because it is still importing them, does not learn of it.
 *
 * @throws {InterruptedError}
 */
export function assertNotStopped(runLogPath: string): void {
  const marker = stopMarkerPath(runLogPath);
  if (existsSync(marker)) throw new InterruptedError(readFileSync(marker, 'utf8'));
}
