/** Folder of this kit's files below vitest's report folder `.vitest/`. */
export const reportFolder = 'chaos-kit';

/** Name of the run log in that folder. */
export const runLogName = 'run.jsonl';

/** Beside the run log: its existence tells workers to heal at once and to skip everything else. */
export function hurryMarkerPath(runLogPath: string): string {
  return `${runLogPath}.hurry`;
}

/** Beside the run log: its existence tells workers to begin nothing any more. Holds the name of the signal. */
export function stopMarkerPath(runLogPath: string): string {
  return `${runLogPath}.stop`;
}
