import { amount, passed } from './checker.ts';
import type { RunChecker } from './checker.ts';
import { Moments, someWrites } from './moments.ts';
import { lookedAt, replayReads } from './reads.ts';

/** Rows that were known, were missing in a read of the newest timeline that began later, and are there again after it. */
export const resurrected: RunChecker = {
  name: 'resurrected',
  about: 'integrity',
  needs: 'run',
  check(evidence) {
    const { reads, resurrected: found } = replayReads(evidence);
    if (reads.length === 0) return { verdict: 'unknown', count: 0, looked: 'no reads on -rw', sentences: [] };
    const looked = lookedAt(evidence, 'rw');
    const [first] = found;
    if (first === undefined) return passed(looked);
    const { server, timeline, startMs } = first.read;
    const head = amount(found.length, 'known row was missing and came back', 'known rows were missing and came back');
    const where = `${server} on timeline ${timeline ?? '?'} did not have them ${new Moments(evidence).at(startMs)}`;
    return {
      verdict: 'fail',
      count: found.length,
      looked,
      sentences: [
        `${head}: ${someWrites(found, found.length)}; ${where}`,
        'look first at which data directory each primary started from: one of them was older than what clients had been told',
      ],
    };
  },
};
