import { corruptionOf } from '../../observers/examination.ts';
import type { Observations } from '../../observers/observation-file.ts';
import { amount, passed } from './checker.ts';
import type { RunChecker } from './checker.ts';

/**
 * Whether a server said that its data is damaged: a page with a wrong check sum that it counted since the run began, or an
 * error of class XX001 or XX002 that anybody got. Check sums must be on for the former.
 */
export const checksums: RunChecker = {
  name: 'checksums',
  about: 'integrity',
  needs: 'run',
  check({ record, observations, unread }) {
    const counters = countersOf(observations);
    const on = counters.filter(({ last }) => last !== undefined);
    const number = (of: readonly Counter[]): number => new Set(of.map(({ instance }) => instance)).size;
    const looked = `${amount(number(on), 'instance')} with check sums of ${number(counters)}`;
    const sentences = on.flatMap(({ instance, first = 0, last = 0 }) =>
      last > first
        ? [
            `${instance} found ${amount(last - first, 'page')} with a wrong check sum: its storage changed or lost what was written`,
          ]
        : [],
    );
    const told = [
      ...record.reasons.map(({ reason }) => reason),
      ...(observations?.blind ?? []).map(({ observer, why }) => `${observer}: ${why}`),
      ...(observations?.examinations.at(-1)?.instances ?? []).flatMap(({ name, comparison }) =>
        'problem' in comparison
          ? [`${name}: ${comparison.problem}`]
          : 'problem' in comparison.index
            ? [`${name}: ${comparison.index.problem}`]
            : [],
      ),
      ...(unread === undefined ? [] : [unread]),
    ].filter((text) => corruptionOf(new Error(text)) !== undefined);
    sentences.push(...new Set(told.map((text) => `a server reported damage: ${text}`)));
    if (sentences.length > 0) {
      const advice = 'look first at the volume of that instance with pg_checksums, and do not promote it';
      return { verdict: 'fail', count: sentences.length, looked, sentences: [...sentences, advice] };
    }
    if (on.length === 0) return { verdict: 'unknown', count: 0, looked, sentences: [] };
    return passed(looked);
  },
};

interface Counter {
  readonly instance: string;
  /** Where the counter of a server that was there from the begin on stood; one that started later began at 0. */
  first: number | undefined;
  last: number | undefined;
}

/** The counter of each life of each server. */
function countersOf(observations: Observations | undefined): Counter[] {
  const lives = new Map<string, Counter>();
  const known = new Set<string>();
  for (const { instance, postmaster, checksumFailures } of observations?.probes ?? []) {
    const key = `${instance} ${postmaster}`;
    const life = lives.get(key);
    // the statistics are lost in a crash and not copied to a new instance
    if (life === undefined) {
      const first = known.has(instance) ? 0 : checksumFailures;
      lives.set(key, { instance, first, last: checksumFailures });
      known.add(instance);
    } else life.last = checksumFailures;
  }
  return [...lives.values()];
}
