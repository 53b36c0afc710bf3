import type { RunEvidence } from './checker.ts';
import { Moments } from './moments.ts';
import type { WriteId } from './reads.ts';

const MAX_TOLD = 3;
const MAX_NAMED = 10;

/**
 * Names writes, and of the first of them what the client was told, when, and by whom. Walks the whole run: for findings only.
 * @param total how many there are, of which `writes` may be the first.
 */
export function describeWrites(evidence: RunEvidence, writes: readonly WriteId[], total: number): string {
  const { completions, origins } = evidence.record;
  const wanted = new Map(writes.slice(0, MAX_TOLD).map((it) => [`${it.writer}/${it.seq}`, it]));
  const told = new Map<string, string>();
  const moments = new Moments(evidence);
  for (let i = 0; i < completions.length && told.size < wanted.size; i++) {
    const { writer, seq, count, outcome, endMs, origin } = completions.at(i);
    for (const [key, it] of wanted) {
      if (it.writer !== writer || it.seq < seq || it.seq >= seq + count) continue;
      const by = origins[origin];
      const who = by === undefined ? '' : ` by ${by.server} on timeline ${by.timeline}`;
      told.set(key, `${outcome}${who}, ${moments.at(endMs)}`);
    }
  }
  const named = writes.slice(0, MAX_NAMED).map(({ writer, seq }) => {
    const what = told.get(`${writer}/${seq}`);
    return `writer ${writer} write ${seq}${what === undefined ? '' : ` (${what})`}`;
  });
  const more = total - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
