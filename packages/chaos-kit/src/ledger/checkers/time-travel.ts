import type { ReadObservation } from '../../observers/observation.ts';
import { amount, passed } from './checker.ts';
import type { RunChecker, Evidence, RunEvidence } from './checker.ts';
import { Moments, someWrites } from './moments.ts';
import { eachAbsent, eachRow, lookedAt } from './reads.ts';
import type { WriteId } from './reads.ts';
import { WriterBits } from './seq-bits.ts';

/** After a restart a standby may be behind what it had shown while it replays its WAL, in ms. */
const REPLAY_MS = 10_000;

/** One life of a server, from the start of its postmaster. */
interface Life {
  readonly server: string;
  readonly seen: WriterBits;
  readonly before: Life | undefined;
  readonly sinceMs: number;
}

/**
 * Replicas that go back in time: within one life of a server nothing may disappear that it has shown; after a restart it may be
 * behind for a while, but what the primary still has must come back. Two replicas may be at different points, so sessions are
 * compared only when the same server answered.
 */
export const timeTravel: RunChecker = {
  name: 'time-travel',
  about: 'integrity',
  needs: 'run',
  check(evidence) {
    const reads = (evidence.observations?.reads ?? [])
      .filter(({ from }) => from === 'ro')
      .toSorted((a, b) => a.startMs - b.startMs);
    if (reads.length === 0) return { verdict: 'unknown', count: 0, looked: 'no reads on -ro', sentences: [] };
    const looked = lookedAt(evidence, 'ro');
    const back: { read: ReadObservation; rows: WriteId[]; how: string }[] = [];
    const lives = new Map<string, Life>();
    const latest = new Map<string, Life>();
    for (const read of reads) {
      const key = `${read.server} ${read.postmaster}`;
      const life = lives.get(key) ?? {
        server: read.server,
        seen: new WriterBits(evidence.record),
        before: latest.get(read.server),
        sinceMs: read.startMs,
      };
      lives.set(key, life);
      latest.set(read.server, life);
      const rows: WriteId[] = [];
      eachAbsent(read, life.seen, (writer, seq) => rows.push({ writer, seq }));
      if (rows.length > 0) back.push({ read, rows, how: 'without a restart' });
      else if (life.before !== undefined && read.startMs - life.sinceMs > REPLAY_MS) {
        const still = lacking(read, life.before, evidence);
        if (still.length > 0) back.push({ read, rows: still, how: 'after a restart, and has not caught up' });
      }
      eachRow(read, (writer, seq) => life.seen.of(writer).add(seq));
    }
    const [first] = back;
    if (first === undefined) return passed(looked);
    const { read, rows, how } = first;
    const when = new Moments(evidence).at(read.startMs);
    return {
      verdict: 'fail',
      count: back.length,
      looked,
      sentences: [
        `${amount(back.length, 'read')} on -ro went back in time; the first on ${read.server} ${when}: ${how} it lacks ${amount(rows.length, 'row')} that it had shown, ${someWrites(rows, rows.length)}`,
        'look first at the volume of that instance, and at whether it still streams (pg_stat_wal_receiver)',
      ],
    };
  },
};

/** What an earlier life had shown, the primary still has and this read does not. */
function lacking(read: ReadObservation, before: Life, evidence: Evidence | RunEvidence): WriteId[] {
  if (!('read' in evidence)) return [];
  const rows: WriteId[] = [];
  eachAbsent(read, before.seen, (writer, seq) => {
    if (evidence.record.states(writer).copies(seq) > 0) rows.push({ writer, seq });
  });
  return rows;
}
