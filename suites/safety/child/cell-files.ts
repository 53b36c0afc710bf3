import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a cell tells the suite that started it. */
export type CellRecord =
  /** The process that injects. */
  | { type: 'worker'; pid: number }
  /** The fault of a family is in force. */
  | { type: 'injected'; family: string; scenario: string; faultId: string; effect: string }
  /** Everything asked for is in force, and the worker waits for its end. */
  | { type: 'ready' }
  /** What engines found after a test had ended. */
  | { type: 'after'; family: string; scenario: string; found: string[]; blind: string[] };

const recordsOf = (folder: string) => join(folder, 'cells.jsonl');

/** Tells it. */
export function tell(folder: string, record: CellRecord): void {
  appendFileSync(recordsOf(folder), `${JSON.stringify(record)}\n`);
}

/** What was told so far. */
export function told(folder: string): CellRecord[] {
  const path = recordsOf(folder);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.flatMap((line) => (line === '' ? [] : [JSON.parse(line) as CellRecord]));
}
