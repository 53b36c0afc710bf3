import { amount, passed } from './checker.ts';
import type { RunChecker } from './checker.ts';
import { Moments, someWrites } from './moments.ts';
import { lookedAt, replayReads } from './reads.ts';

/**
 * Reads through `-rw` that were answered by a standby or on an older timeline and lacked a known row. A session that was
 * opened before the newer timeline acknowledged may stay with the old primary as long as that one lives, so such reads are
 * only counted; a new connection must not be led there.
 */
export const staleRead: RunChecker = {
  name: 'stale-read',
  about: 'integrity',
  needs: 'run',
  check(evidence) {
    const { reads, stale } = replayReads(evidence);
    if (reads.length === 0) return { verdict: 'unknown', count: 0, looked: 'no reads on -rw', sentences: [] };
    const looked = lookedAt(evidence, 'rw');
    const moments = new Moments(evidence);
    const fresh = stale.filter(({ newConnection }) => newConnection);
    const pinned = stale.filter(({ newConnection }) => !newConnection);
    const tell = (found: typeof stale, how: string): string[] => {
      const [first] = found;
      if (first === undefined) return [];
      const { server, timeline, recovering, startMs } = first.read;
      const role = recovering ? 'a standby' : `a primary on timeline ${timeline ?? '?'}`;
      const count = new Set(found.map(({ read }) => read)).size;
      return [
        `${amount(count, 'read')} through -rw ${how} lacked known rows, the first ${moments.at(startMs)}: answered by ${server}, ${role}; ${someWrites(found, found.length)}`,
      ];
    };
    const late = tell(pinned, 'by sessions opened before the newer timeline acknowledged');
    if (fresh.length === 0) return { ...passed(looked), count: pinned.length, sentences: late };
    return {
      verdict: 'fail',
      count: fresh.length,
      looked,
      sentences: [
        ...tell(fresh, 'on a new connection'),
        'look first at the endpoints of the -rw Service at that time: they led to a server whose time was over',
        ...late,
      ],
    };
  },
};
