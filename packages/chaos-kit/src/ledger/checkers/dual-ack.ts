import type { Origin } from '../run-record.ts';
import { amount, passed } from './checker.ts';
import type { RunChecker, Findings } from './checker.ts';

interface Overlap {
  readonly late: Origin;
  readonly early: Origin;
  count: number;
  lastSentMs: number;
}

/**
 * Two servers that acknowledged at the same time. Proof is a write that was sent after another timeline had acknowledged and
 * was acknowledged on an older one; an acknowledgement that merely arrived later may have been delayed on its way. Two
 * addresses that take turns on one timeline may be one server with two addresses, so that is inconclusive.
 */
export const dualAck: RunChecker = {
  name: 'dual-ack',
  about: 'integrity',
  needs: 'run',
  check({ record }): Findings {
    const { completions, origins } = record;
    const looked = `${amount(record.acknowledged, 'acknowledgement')} by ${amount(origins.length, 'server')}`;
    if (origins.length < 2) return passed(looked);
    const overlaps = new Map<number, Overlap>();
    for (let i = 0; i < completions.length; i++) {
      if (!completions.acknowledged(i)) continue;
      const { origin: index } = completions.at(i);
      const by = origins[index];
      const sentMs = completions.sentMs(i);
      if (by === undefined) continue;
      for (const [other, it] of origins.entries()) {
        const rival = it.timeline > by.timeline || (it.timeline === by.timeline && it.firstAckMs > by.firstAckMs);
        if (other === index || !rival || it.firstAckMs >= sentMs) continue;
        const key = index * origins.length + other;
        const overlap = overlaps.get(key) ?? { late: by, early: it, count: 0, lastSentMs: 0 };
        overlaps.set(key, overlap);
        overlap.count++;
        overlap.lastSentMs = sentMs;
      }
    }
    const found = [...overlaps.values()];
    const proven = found.filter(({ late, early }) => late.timeline !== early.timeline);
    const sentences = [...proven, ...found.filter((it) => !proven.includes(it))].map(describe);
    const count = Math.max(0, ...found.map((it) => it.count));
    if (found.length === 0) return passed(looked);
    return { looked, verdict: proven.length > 0 ? 'fail' : 'inconclusive', count, sentences };
  },
};

function describe({ late, early, count, lastSentMs }: Overlap): string {
  const writes = count === 1 ? '1 write was' : `${count} writes were`;
  const seconds = ((lastSentMs - early.firstAckMs) / 1000).toFixed(3);
  if (late.timeline === early.timeline) {
    return `${writes} sent to ${late.server} and acknowledged while ${early.server} acknowledged on the same timeline ${late.timeline}: two servers, or one with two addresses`;
  }
  return `${writes} sent to ${late.server} and acknowledged on timeline ${late.timeline} up to ${seconds} s after ${early.server} had begun to acknowledge on timeline ${early.timeline}: two primaries at once; look at when the old one was fenced`;
}
