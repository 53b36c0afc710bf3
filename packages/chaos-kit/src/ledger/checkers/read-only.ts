import type { Observations } from '../../observers/observation-file.ts';
import { amount } from './checker.ts';
import type { RunChecker } from './checker.ts';
import { Moments, seconds } from './moments.ts';
import { writableTimes } from './two-primaries.ts';

/**
 * How long clients were led to a server that is read-only (25006), and how long no instance accepted writes. Both belong to
 * every failover, so this is measured and never red: a spec says how much of it is too much.
 */
export const readOnly: RunChecker = {
  name: 'read-only',
  about: 'integrity',
  needs: 'run',
  check(evidence) {
    const { record, observations } = evidence;
    const { count, firstMs = 0, lengthMs } = record.readOnly;
    const probes = observations?.probes.length ?? 0;
    const looked = `${amount(record.counts.fail, 'failed write')}, ${amount(probes, 'probe')}`;
    const sentences: string[] = [];
    if (count > 0) {
      const refused = amount(count, 'write was refused as read-only', 'writes were refused as read-only');
      const when = new Moments(evidence).at(firstMs);
      sentences.push(
        `${refused} (25006) over ${seconds(lengthMs)}, the first ${when}: a session or the -rw Service led to a standby`,
      );
    }
    const gapMs = observations === undefined ? 0 : longestWithoutPrimary(observations);
    if (gapMs > 0)
      sentences.push(`no instance accepted writes for up to ${seconds(gapMs)}, as instances themselves say`);
    return { verdict: 'pass', count, looked, sentences };
  },
};

/** The longest time between two in which some instance surely accepted writes, in ms; 0 when fewer than two are known. */
function longestWithoutPrimary({ probes }: Observations): number {
  let untilMs: number | undefined;
  let longest = 0;
  for (const { first, last } of writableTimes(probes).toSorted((a, b) => a.first.startMs - b.first.startMs)) {
    if (untilMs !== undefined) longest = Math.max(longest, first.endMs - untilMs);
    untilMs = Math.max(untilMs ?? 0, last.startMs);
  }
  return longest;
}
