import type { Completion } from '../completions.ts';
import { amount, passed } from './checker.ts';
import type { Checker } from './checker.ts';

const MAX_SENTENCES = 10;

/**
 * A write that is missing although a later one of the same writer, acknowledged by the same server on the same timeline, is
 * there. The first had been acknowledged before the second was sent, so it lies before it in the WAL, and whatever keeps
 * the second keeps the first: a failover loses suffixes, never the middle.
 */
export const hole: Checker = {
  name: 'hole',
  about: 'integrity',
  needs: 'read',
  check({ record }) {
    const { completions, origins } = record;
    const nextThere = new Map<number, Completion>();
    const holes: string[] = [];
    let count = 0;
    for (let i = completions.length - 1; i >= 0; i--) {
      if (!completions.acknowledged(i)) continue;
      const c = completions.at(i);
      const key = c.origin * record.writers.length + c.writer;
      const later = nextThere.get(key);
      if (record.states(c.writer).copies(c.seq) > 0) {
        nextThere.set(key, c);
        continue;
      }
      if (later === undefined) continue;
      count++;
      if (holes.length === MAX_SENTENCES) continue;
      const { server, timeline } = origins[c.origin] ?? { server: 'an unknown server', timeline: 0 };
      holes.push(
        `writer ${c.writer} is missing write ${c.seq}, while its later write ${later.seq} is there; ${server} had acknowledged both on timeline ${timeline}`,
      );
    }
    const looked = amount(record.acknowledged, 'acknowledged write');
    if (count === 0) return passed(looked);
    const writes = count === 1 ? '1 acknowledged write is' : `${count} acknowledged writes are`;
    const summary = `${writes} missing from the middle, which no failover does: look for who deletes rows, and at the table with amcheck and checksums`;
    return { verdict: 'fail', count, looked, sentences: [summary, ...holes.toReversed()] };
  },
};
