import type { RunRecord } from './run-record.ts';
import { MAX_EXAMPLES } from './tally.ts';

/** An acknowledged write that the final read did not find. */
export interface LostWrite {
  readonly writer: number;
  readonly seq: number;
  readonly outcome: 'ok' | 'ok-weak';
  /** When the client got the acknowledgement, `performance.now()` in ms. */
  readonly ackedAtMs: number;
  /** Who gave it. */
  readonly server: string;
  readonly timeline: number;
}

/** Losses by the server and timeline that had acknowledged them. */
export interface LossByOrigin {
  readonly server: string;
  readonly timeline: number;
  readonly lost: number;
  /** Acknowledgement times of the oldest and the newest lost write. */
  readonly firstAckMs: number;
  readonly lastAckMs: number;
  /** Lowest and highest WAL position of them, a little before that of their commit; 0 when unknown. */
  readonly firstLsn: number;
  readonly lastLsn: number;
}

/** Everything that is lost: the first 100 in the order of their acknowledgement, and all by who had acknowledged them. */
export interface Losses {
  readonly first: readonly LostWrite[];
  readonly byOrigin: readonly LossByOrigin[];
}

/** Walks the acknowledgements of the given kinds in their order and says which are missing and who gave them. */
export function findLosses(record: RunRecord, outcomes: readonly LostWrite['outcome'][] = ['ok', 'ok-weak']): Losses {
  const first: LostWrite[] = [];
  const byOrigin = new Map<number, { -readonly [K in keyof LossByOrigin]: LossByOrigin[K] }>();
  const { completions } = record;
  for (let i = 0; i < completions.length; i++) {
    const outcome = completions.outcome(i);
    if ((outcome !== 'ok' && outcome !== 'ok-weak') || !outcomes.includes(outcome)) continue;
    const c = completions.at(i);
    const states = record.states(c.writer);
    const { server, timeline } = record.origins[c.origin] ?? { server: 'unknown', timeline: 0 };
    for (let seq = c.seq; seq < c.seq + c.count; seq++) {
      if (states.copies(seq) > 0) continue;
      const sum = byOrigin.get(c.origin);
      if (sum === undefined) {
        const bounds = { firstAckMs: c.endMs, lastAckMs: c.endMs, firstLsn: c.lsn, lastLsn: c.lsn };
        byOrigin.set(c.origin, { server, timeline, lost: 1, ...bounds });
      } else {
        sum.lost++;
        sum.lastAckMs = c.endMs;
        if (c.lsn > 0) sum.firstLsn = sum.firstLsn === 0 ? c.lsn : Math.min(sum.firstLsn, c.lsn);
        sum.lastLsn = Math.max(sum.lastLsn, c.lsn);
      }
      if (first.length < MAX_EXAMPLES) {
        first.push({ writer: c.writer, seq, outcome, ackedAtMs: c.endMs, server, timeline });
      }
    }
  }
  return { first, byOrigin: [...byOrigin.values()] };
}
