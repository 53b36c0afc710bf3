import { parseLsn, parseTimelineHistory } from '@cnpg-chaos/cnpg-utils';
import { errorReason } from './errors.ts';
import type { TimelineForks } from './history/rows-file.ts';
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
    const forks = parseTimelineHistory(columnText(row, 'history') ?? '').map(
      ({ timeline: left, switchpoint, reason }) => ({
        timeline: left,
        lsn: Number(parseLsn(switchpoint)),
        reason,
      }),
    );
    return forks.length > 0 ? forks : { unknown: `${file} names no earlier timeline` };
  } catch (error) {
    return { unknown: errorReason(error) };
  }
}
