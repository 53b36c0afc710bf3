import { zeroLossClaim } from '../durability.ts';
import { findLosses } from '../losses.ts';
import type { LossByOrigin, LostWrite } from '../losses.ts';
import { formatPosition } from '../lsn.ts';
import { amount, passed } from './checker.ts';
import type { ReadChecker, Evidence } from './checker.ts';
import { Moments, someWrites } from './moments.ts';
import { replayReads } from './reads.ts';

/** Acknowledged writes that the final read did not find: the claim that the ledger is about. */
export const lost: ReadChecker = {
  name: 'lost',
  about: 'loss',
  needs: 'read',
  check(evidence) {
    const { lost: count, acknowledged } = evidence.counts;
    const looked = amount(acknowledged, 'acknowledged write');
    if (count === 0) return passed(looked);
    const head = amount(count, 'acknowledged write is lost', 'acknowledged writes are lost');
    return {
      verdict: 'fail',
      count,
      looked,
      sentences: [head, ...describeLosses(evidence, 'ok'), ...missedBy(evidence, 'ok'), hint(evidence)],
    };
  },
};

/** Writes acknowledged after their wait for a standby had been cancelled that the final read did not find. */
export const lostWeak: ReadChecker = {
  name: 'lost-weak',
  about: 'loss',
  needs: 'read',
  check(evidence) {
    const { lostWeak: count, acknowledgedWeak } = evidence.counts;
    const looked = amount(acknowledgedWeak, 'weakly acknowledged write');
    if (count === 0) return passed(looked);
    const head = amount(count, 'weakly acknowledged write is lost', 'weakly acknowledged writes are lost');
    const first = 'look first at who cancels sessions that wait for a standby (pg_cancel_backend, a query time limit)';
    return {
      verdict: 'fail',
      count,
      looked,
      sentences: [head, ...describeLosses(evidence, 'ok-weak'), ...missedBy(evidence, 'ok-weak'), first],
    };
  },
};

function describeLosses(evidence: Evidence, outcome: LostWrite['outcome']): string[] {
  const { first, byOrigin } = findLosses(evidence.record, [outcome]);
  const moments = new Moments(evidence);
  return byOrigin.map((loss) => {
    const { server, timeline, firstAckMs, lastAckMs } = loss;
    const when = moments.between(firstAckMs, lastAckMs);
    const named = first.filter((it) => it.server === server && it.timeline === timeline);
    const who = `${loss.lost} lost of those acknowledged by ${server} on timeline ${timeline}, ${when}`;
    return `${who}${relativeToFork(loss, evidence)}: ${someWrites(named, loss.lost)}`;
  });
}

/** Where lost writes lie in the WAL, compared with where their timeline was left. */
function relativeToFork({ timeline, firstLsn, lastLsn }: LossByOrigin, { read }: Evidence): string {
  if (firstLsn === 0) return '';
  const place = `; in the WAL at ${formatPosition(firstLsn)}${lastLsn > firstLsn ? ` to ${formatPosition(lastLsn)}` : ''}`;
  if (timeline >= read.timeline || 'unknown' in read.forks) return place;
  const fork = read.forks.find((it) => it.timeline === timeline);
  if (fork === undefined) return `${place}, on a timeline that timeline ${read.timeline} does not descend from`;
  const left = `${formatPosition(fork.lsn)}, where timeline ${timeline} was left`;
  if (firstLsn >= fork.lsn) return `${place}, all beyond ${left}`;
  if (lastLsn >= fork.lsn) return `${place}, around ${left}`;
  return `${place}, before ${left}`;
}

/** When a reader first missed some of them: what happened lies between their acknowledgement and that. */
function missedBy(evidence: Evidence, outcome: LostWrite['outcome']): string[] {
  const { record } = evidence;
  const missed = replayReads(evidence).gone.filter(({ writer, seq }) => record.states(writer).state(seq) === outcome);
  const [first] = missed.toSorted((a, b) => a.read.startMs - b.read.startMs);
  if (first === undefined) return [];
  const { server, timeline, startMs } = first.read;
  const when = new Moments(evidence).at(startMs);
  return [`a reader on -rw missed ${missed.length} of them, first on ${server}, timeline ${timeline ?? '?'}, ${when}`];
}

/** The first thing to look at. */
function hint({ record, read }: Evidence): string {
  const { byOrigin } = findLosses(record, ['ok']);
  if (byOrigin.every(({ timeline }) => timeline >= read.timeline))
    return 'no failover came after them: look first for who deletes rows, then at the storage of the primary';
  const claim = zeroLossClaim(record.durability().inForce, 0);
  if (!claim.allowed) return `look first at the durability settings: ${claim.reason}`;
  return 'look first at which standby was promoted, and whether it was among those that had confirmed these writes (pg_stat_replication.sync_state, the election in the log of the operator)';
}
