import { errorReason } from './errors.ts';
import type { TimelineFork, TimelineForks } from './history/rows-file.ts';
import { parsePosition } from './lsn.ts';
import { columnText } from './target.ts';
import type { AdminQuery } from './target.ts';

const READ_TIMEOUT_MS = 10_000;

/**
 * Where the ancestors of a timeline were left, from the history file that a promotion writes. Needs a superuser on the
 * primary. Never rejects: without an answer the result says why.
 */
export async function readForks(
  admin: AdminQuery | undefined,
  timeline: number,
  signal: AbortSignal,
): Promise<TimelineForks> {
  if (timeline <= 1) return [];
  if (admin === undefined) return { unknown: 'no superuser could be asked on the primary' };
  const file = `pg_wal/${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(READ_TIMEOUT_MS)]);
    const [row] = await admin(`select pg_read_file('${file}') as history`, limit);
    return parseTimelineHistory(columnText(row, 'history') ?? '', file);
  } catch (error) {
    return { unknown: errorReason(error) };
  }
}

/** Reads a timeline history file: parent timeline, position and reason per line, separated by tabs. */
export function parseTimelineHistory(text: string, file: string): TimelineForks {
  const forks: TimelineFork[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [parent = '', position = '', reason = ''] = line.split('\t');
    const lsn = parsePosition(position);
    if (!/^\d+$/.test(parent) || lsn === undefined) return { unknown: `${file} has a line "${line}" that is no fork` };
    forks.push({ timeline: Number(parent), lsn, reason: reason.trim() });
  }
  return forks.length > 0 ? forks : { unknown: `${file} names no earlier timeline` };
}
