import { amount, passed } from './checker.ts';
import type { ReadChecker } from './checker.ts';
import { Moments, someWrites } from './moments.ts';
import { eachRow, lookedAt, replayReads } from './reads.ts';
import type { WriteId } from './reads.ts';
import { SeqBits } from './seq-bits.ts';

/**
 * Rows that a reader on `-rw` saw and that are not there at the end although nobody was told that they failed: never
 * acknowledged, so no loss of an acknowledged write, but what a reader saw was taken back. A restart of a primary makes
 * commits visible that no standby has; when that primary then dies, they are gone.
 */
export const vanished: ReadChecker = {
  name: 'vanished',
  about: 'integrity',
  needs: 'read',
  check(evidence) {
    const { record, observations } = evidence;
    const { reads, seen } = replayReads(evidence);
    const looked = lookedAt(evidence, 'rw');
    if (observations === undefined)
      return { verdict: 'unknown', count: 0, looked: 'nothing: no observers ran', sentences: [] };
    if (reads.length === 0)
      return { verdict: 'unknown', count: 0, looked, sentences: ['no reader on -rw could read anything'] };
    const gone: WriteId[] = [];
    for (const [writer, states] of record.writers.entries()) {
      const bits: SeqBits = seen.of(writer);
      for (let seq = 0; seq <= bits.highest; seq++) {
        if (!bits.has(seq) || states.copies(seq) > 0) continue;
        const state = states.state(seq);
        if (state !== 'ok' && state !== 'ok-weak') gone.push({ writer, seq });
      }
    }
    const [one] = gone;
    if (one === undefined) return passed(looked);
    const witnesses = reads.filter((read) => {
      let saw = false;
      eachRow(read, (writer, seq) => (saw ||= gone.some((it) => it.writer === writer && it.seq === seq)));
      return saw;
    });
    const moments = new Moments(evidence);
    const first = witnesses[0];
    const last = witnesses.at(-1);
    const head = amount(
      gone.length,
      'row that was read through -rw has vanished',
      'rows that were read through -rw have vanished',
    );
    const seenBy =
      first === undefined || last === undefined
        ? ''
        : `; first seen on ${first.server}, timeline ${first.timeline ?? '?'}, ${moments.at(first.startMs)}, last seen ${moments.at(last.endMs)}`;
    return {
      verdict: 'fail',
      count: gone.length,
      looked,
      sentences: [
        `${head} although nobody had been told that it was written: ${someWrites(gone, gone.length)}${seenBy}`,
        'look first at whether that server restarted while no standby could confirm commits: a restart makes them visible',
      ],
    };
  },
};
