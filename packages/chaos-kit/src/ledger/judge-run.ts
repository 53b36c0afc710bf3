import { runCheckers } from './checkers/checker.ts';
import type { CheckResult } from './checkers/checker.ts';
import { CHECKERS } from './checkers/index.ts';
import type { Completion } from './completions.ts';
import { zeroLossClaim } from './durability.ts';
import type { DurabilityProfile, ZeroLossClaim } from './durability.ts';
import type { FinalRead } from './final-read.ts';
import type { Origin, ReasonCount, RunRecord } from './run-record.ts';
import { MAX_EXAMPLES } from './tally.ts';
import type { ForeignRow } from './tally.ts';
import { judge } from './verdict.ts';
import type { LedgerCounts, LedgerVerdict } from './verdict.ts';

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
}

/** The result of a verification. */
export interface LedgerVerification {
  /** About zero loss: `pass` means that every acknowledged write is there and had to be durable on a standby. */
  readonly verdict: LedgerVerdict;
  /** About everything else: unexpected, duplicated, corrupted and phantom rows. An asynchronous profile asserts this and a bound on `counts.lost`. */
  readonly integrity: LedgerVerdict;
  /** Sentences, gravest first. */
  readonly reasons: readonly string[];
  readonly counts: LedgerCounts;
  /** What each further checker found; empty when the read did not succeed. */
  readonly checks: readonly CheckResult[];
  /** The first 100 lost writes in the order of their acknowledgement. */
  readonly lost: readonly LostWrite[];
  readonly lossByOrigin: readonly LossByOrigin[];
  /** The first 100 rows nobody attempted, and rows with a changed payload. */
  readonly unexpected: readonly ForeignRow[];
  readonly corrupted: readonly ForeignRow[];
  readonly durability: DurabilityProfile;
  readonly zeroLossClaim: ZeroLossClaim;
  /** Timelines that acknowledged writes, ascending. */
  readonly timelines: readonly number[];
  /** Who acknowledged. */
  readonly origins: readonly Origin[];
  /** Why writes failed or stayed unknown. */
  readonly failures: readonly ReasonCount[];
  /** Who was read; absent when the read did not succeed. */
  readonly readFrom: { readonly server: string; readonly timeline: number } | undefined;
  /** Worth knowing, but no ground for the verdict. */
  readonly notes: readonly string[];
  /** Time of quiescing, reading and comparing, in ms. */
  readonly durationMs: number;
}

/** Judges a run by what the final read found. Needs nothing but its arguments, so that a stored run can be judged again. */
export function judgeRun(record: RunRecord, read: FinalRead, startMs = performance.now()): LedgerVerification {
  const facts = factsOf(record);
  const counts = compare(record, read);
  const losses = counts.lost + counts.lostWeak > 0 ? findLosses(record) : NO_LOSSES;
  const checks = runCheckers(CHECKERS, { record, read });
  const judgement = judge(counts, facts.zeroLossClaim, record.doubts, checks);
  return {
    ...facts,
    ...judgement,
    reasons: [...judgement.reasons, ...losses.byOrigin.map(describeLoss)],
    counts,
    checks,
    lost: losses.first,
    lossByOrigin: losses.byOrigin,
    unexpected: read.tally.foreign,
    corrupted: read.tally.changed,
    readFrom: { server: read.server, timeline: read.timeline },
    notes: [
      ...read.unreachable.map((instance) => `sessions could not be checked on ${instance}`),
      ...(read.notStored === undefined ? [] : [`the final read could not be stored: ${read.notStored}`]),
      ...checks.filter(({ verdict }) => verdict === 'unknown').flatMap(({ sentences }) => sentences),
    ],
    durationMs: performance.now() - startMs,
  };
}

/** What can be said of a run that was not read to the end: nothing about loss. */
export function judgeUnread(record: RunRecord, reason: string, startMs = performance.now()): LedgerVerification {
  return {
    ...factsOf(record),
    verdict: 'inconclusive',
    integrity: 'inconclusive',
    reasons: [reason, ...record.doubts],
    counts: { ...attemptCounts(record, 0), ...NOT_READ },
    checks: [],
    lost: [],
    lossByOrigin: [],
    unexpected: [],
    corrupted: [],
    readFrom: undefined,
    notes: [],
    durationMs: performance.now() - startMs,
  };
}

function factsOf(record: RunRecord) {
  const durability = record.durability();
  return {
    durability,
    zeroLossClaim: zeroLossClaim(durability.inForce, record.counts['ok-weak']),
    timelines: [...new Set(record.origins.map((origin) => origin.timeline))].toSorted((a, b) => a - b),
    origins: record.origins.map((origin) => ({ ...origin })),
    failures: record.reasons,
  };
}

const NOT_READ = {
  rows: 0,
  present: 0,
  lost: 0,
  lostWeak: 0,
  unexpected: 0,
  duplicated: 0,
  corrupted: 0,
  phantomFail: 0,
  recovered: 0,
};
const NO_LOSSES: { first: LostWrite[]; byOrigin: LossByOrigin[] } = { first: [], byOrigin: [] };

/** `unnoted` writes are there although their record was lost in a crash. */
function attemptCounts(record: RunRecord, unnoted: number) {
  const { counts, dropped } = record;
  return {
    attempted: counts.attempted + unnoted,
    acknowledged: counts.ok,
    acknowledgedWeak: counts['ok-weak'],
    failed: counts.fail,
    unknown: counts.info + record.inFlight + unnoted,
    dropped,
  };
}

function compare(record: RunRecord, read: FinalRead): LedgerCounts {
  let unnoted = 0;
  const found = { present: 0, lost: 0, lostWeak: 0, phantomFail: 0, recovered: 0 };
  for (const states of record.writers) {
    for (let seq = 0; seq < states.bound; seq++) {
      const state = states.state(seq);
      if (states.copies(seq) > 0) {
        found.present++;
        if (state === 'fail') found.phantomFail++;
        else if (state === 'never') unnoted++;
        else if (state === 'info' || state === 'pending') found.recovered++;
      } else if (state === 'ok') found.lost++;
      else if (state === 'ok-weak') found.lostWeak++;
    }
  }
  const { rows, unexpected, duplicated, corrupted } = read.tally;
  found.recovered += unnoted;
  return { ...attemptCounts(record, unnoted), ...found, rows, unexpected, duplicated, corrupted };
}

/** Walks the acknowledgements in their order and says which are missing and who gave them. */
function findLosses(record: RunRecord): typeof NO_LOSSES {
  const first: LostWrite[] = [];
  const byOrigin = new Map<number, { -readonly [K in keyof LossByOrigin]: LossByOrigin[K] }>();
  for (let i = 0; i < record.completions.length; i++) {
    if (!record.completions.acknowledged(i)) continue;
    const c: Completion = record.completions.at(i);
    if (record.states(c.writer).copies(c.seq) > 0) continue;
    const { server, timeline } = record.origins[c.origin] ?? { server: 'unknown', timeline: 0 };
    const sum = byOrigin.get(c.origin);
    if (sum === undefined) {
      byOrigin.set(c.origin, { server, timeline, lost: 1, firstAckMs: c.endMs, lastAckMs: c.endMs });
    } else {
      sum.lost++;
      sum.lastAckMs = c.endMs;
    }
    if (first.length < MAX_EXAMPLES) {
      const outcome = c.outcome === 'ok-weak' ? 'ok-weak' : 'ok';
      first.push({ writer: c.writer, seq: c.seq, outcome, ackedAtMs: c.endMs, server, timeline });
    }
  }
  return { first, byOrigin: [...byOrigin.values()] };
}

function describeLoss(loss: LossByOrigin): string {
  const spread = ((loss.lastAckMs - loss.firstAckMs) / 1000).toFixed(3);
  return `${loss.lost} lost of those acknowledged by ${loss.server} on timeline ${loss.timeline}, within ${spread} s`;
}
