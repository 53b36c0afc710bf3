import { formatPosition } from '../lsn.ts';
import type { TimelineFork } from '../history/rows-file.ts';
import { amount, passed } from './checker.ts';
import type { ReadChecker, Findings } from './checker.ts';

interface Beyond {
  readonly server: string;
  readonly timeline: number;
  readonly fork: TimelineFork | undefined;
  count: number;
  there: number;
  furthest: number;
}

/**
 * Writes acknowledged beyond the point at which their timeline was left for the next one: the server that acknowledged them
 * was not followed by anybody any more. They are lost by another route than the final read, so the two check each other. The
 * position of a row is a little before that of its commit, so the count is a lower bound.
 */
export const beyondFork: ReadChecker = {
  name: 'beyond-fork',
  about: 'loss',
  needs: 'read',
  check({ record, read }): Findings {
    const left = record.origins.filter((origin) => origin.timeline < read.timeline);
    const looked = amount(
      left.reduce((sum, origin) => sum + origin.acknowledged, 0),
      'acknowledged write of earlier timelines',
      'acknowledged writes of earlier timelines',
    );
    if (left.length === 0) return passed(looked);
    if ('unknown' in read.forks) {
      const where = [...new Set(left.map((origin) => origin.timeline))].join(', ');
      const sentence = `it is not known where timeline ${where} was left for timeline ${read.timeline}: ${read.forks.unknown}`;
      return { verdict: 'unknown', count: 0, looked, sentences: [sentence] };
    }
    const forks = new Map(read.forks.map((fork) => [fork.timeline, fork]));
    const beyond = new Map<number, Beyond>();
    let withoutPosition = 0;
    const { completions } = record;
    for (let i = 0; i < completions.length; i++) {
      if (!completions.acknowledged(i)) continue;
      const { origin, lsn, writer, seq, count: rows } = completions.at(i);
      const by = record.origins[origin];
      if (by === undefined || by.timeline >= read.timeline) continue;
      const fork = forks.get(by.timeline);
      if (lsn === 0) withoutPosition++;
      // a timeline that the one that was read does not descend from is beyond in all of it
      if (fork !== undefined && (lsn === 0 || lsn < fork.lsn)) continue;
      const entry = beyond.get(origin) ?? { ...by, fork, count: 0, there: 0, furthest: 0 };
      beyond.set(origin, entry);
      entry.count += rows;
      entry.furthest = Math.max(entry.furthest, lsn);
      const states = record.states(writer);
      for (let at = seq; at < seq + rows; at++) if (states.copies(at) > 0) entry.there++;
    }
    const count = [...beyond.values()].reduce((sum, entry) => sum + entry.count, 0);
    if (count > 0)
      return {
        verdict: 'fail',
        count,
        looked,
        sentences: [...beyond.values()].map((it) => describe(it, read.timeline)),
      };
    if (withoutPosition === 0) return passed(looked);
    return {
      verdict: 'unknown',
      count,
      looked,
      sentences: [`${withoutPosition} acknowledged writes came without a WAL position`],
    };
  },
};

function describe({ server, timeline, fork, count, there, furthest }: Beyond, now: number): string {
  const writes = count === 1 ? '1 write was' : `${count} writes were`;
  const where =
    fork === undefined
      ? `on timeline ${timeline}, which timeline ${now} does not descend from`
      : `beyond ${formatPosition(fork.lsn)}, where timeline ${timeline} was left (${fork.reason}), by up to ${furthest - fork.lsn} bytes`;
  const odd =
    there === 0 ? '' : `; ${there} of them are there all the same, so a stamp or the timeline history is wrong`;
  return `${writes} acknowledged by ${server} ${where}: nobody followed it any more${odd}`;
}
