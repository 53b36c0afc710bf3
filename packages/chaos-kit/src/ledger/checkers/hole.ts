import { amount, passed } from './checker.ts';
import type { ReadChecker } from './checker.ts';

const MAX_SENTENCES = 10;

/**
 * A write that is missing although a later one of the same writer, acknowledged by the same server on the same timeline, is
 * there. The first had been acknowledged before the second was sent, so it lies before it in the WAL, and whatever keeps
 * the second keeps the first: a failover loses suffixes, never the middle. Nor does it keep a part of one statement.
 */
export const hole: ReadChecker = {
  name: 'hole',
  about: 'integrity',
  needs: 'read',
  check({ record, counts }) {
    const { completions, origins } = record;
    const looked = amount(record.acknowledged, 'acknowledged write');
    if (counts.lost + counts.lostWeak === 0) return passed(looked);
    /** A write that is there, by origin and writer. */
    const nextThere = new Map<number, number>();
    const holes: string[] = [];
    let count = 0;
    for (let i = completions.length - 1; i >= 0; i--) {
      if (!completions.acknowledged(i)) continue;
      const { writer, seq: first, count: rows, origin } = completions.at(i);
      const key = origin * record.writers.length + writer;
      const states = record.states(writer);
      const missing: number[] = [];
      for (let seq = first + rows - 1; seq >= first; seq--) {
        if (states.copies(seq) > 0) nextThere.set(key, seq);
        else missing.push(seq);
      }
      const there = nextThere.get(key);
      if (there === undefined) continue;
      for (const seq of missing) {
        count++;
        if (holes.length === MAX_SENTENCES) continue;
        const { server, timeline } = origins[origin] ?? { server: 'an unknown server', timeline: 0 };
        const other = there > seq ? `its later write ${there}` : `write ${there} of the same statement`;
        holes.push(
          `writer ${writer} is missing write ${seq}, while ${other} is there; ${server} had acknowledged both on timeline ${timeline}`,
        );
      }
    }
    if (count === 0) return passed(looked);
    const writes = count === 1 ? '1 acknowledged write is' : `${count} acknowledged writes are`;
    const summary = `${writes} missing from the middle, which no failover does: look for who deletes rows, and at the table with amcheck and checksums`;
    return { verdict: 'fail', count, looked, sentences: [summary, ...holes.toReversed()] };
  },
};
