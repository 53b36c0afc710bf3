import { runCheckers } from './checkers/checker.ts';
import type { CheckResult, RunEvidence } from './checkers/checker.ts';
import { CHECKERS } from './checkers/index.ts';
import { platformStory } from './checkers/platform-story.ts';
import { zeroLossClaim } from './durability.ts';
import type { DurabilityProfile, ZeroLossClaim } from './durability.ts';
import type { FinalRead } from './final-read.ts';
import { findLosses } from './losses.ts';
import type { LossByOrigin, Losses, LostWrite } from './losses.ts';
import type { Origin, ReasonCount, RunRecord } from './run-record.ts';
import type { ForeignRow } from './tally.ts';
import { judge } from './verdict.ts';
import type { LedgerCounts, LedgerVerdict } from './verdict.ts';

/** The result of a verification. */
export interface LedgerVerification {
  /** About zero loss: `pass` means that every acknowledged write is there and had to be durable on a standby. */
  readonly verdict: LedgerVerdict;
  /** About everything else: unexpected, duplicated, corrupted and phantom rows. An asynchronous profile asserts this and a bound on `counts.lost`. */
  readonly integrity: LedgerVerdict;
  /** Sentences, gravest first. */
  readonly reasons: readonly string[];
  readonly counts: LedgerCounts;
  /** What each checker found; when the read did not succeed only those that can do without. */
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

/** What others than the writers saw, and on which clock. */
export type Seen = Omit<RunEvidence, 'record' | 'unread'>;

/** Judges a run by what the final read found and what observers saw. Needs nothing but its arguments, so that a stored run can be judged again. */
export function judgeRun(
  record: RunRecord,
  read: FinalRead,
  seen: Seen = {},
  startMs = performance.now(),
): LedgerVerification {
  const facts = factsOf(record);
  const counts = compare(record, read);
  const losses = counts.lost + counts.lostWeak > 0 ? findLosses(record) : NO_LOSSES;
  const { foreign, changed } = read.tally;
  const checks = runCheckers(CHECKERS, { record, read, counts, foreign, changed, ...seen });
  return {
    ...facts,
    ...judge(record.acknowledged, facts.zeroLossClaim, record.doubts, checks),
    counts,
    checks,
    lost: losses.first,
    lossByOrigin: losses.byOrigin,
    unexpected: foreign,
    corrupted: changed,
    readFrom: { server: read.server, timeline: read.timeline },
    notes: [
      ...read.unreachable.map((instance) => `sessions could not be checked on ${instance}`),
      ...(read.notStored === undefined ? [] : [`the final read could not be stored: ${read.notStored}`]),
      ...notesOf(checks),
      ...storyOf(checks, { record, ...seen }),
    ],
    durationMs: performance.now() - startMs,
  };
}

/** What can be said of a run that was not read to the end: nothing about loss, and no more than what was seen while it ran. */
export function judgeUnread(
  record: RunRecord,
  reason: string,
  seen: Seen = {},
  startMs = performance.now(),
): LedgerVerification {
  const facts = factsOf(record);
  const checks = runCheckers(CHECKERS, { record, unread: reason, ...seen });
  return {
    ...facts,
    ...judge(record.acknowledged, facts.zeroLossClaim, [reason, ...record.doubts], checks),
    counts: { ...attemptCounts(record, 0), ...NOT_READ },
    checks,
    lost: [],
    lossByOrigin: [],
    unexpected: [],
    corrupted: [],
    readFrom: undefined,
    notes: [...notesOf(checks), ...storyOf(checks, { record, ...seen })],
    durationMs: performance.now() - startMs,
  };
}

/** What checkers have to say that is no ground for a verdict. */
function notesOf(checks: readonly CheckResult[]): string[] {
  return checks
    .filter(({ verdict }) => verdict === 'unknown' || verdict === 'pass')
    .flatMap(({ sentences }) => sentences);
}

/** Beside a failure, what the platform did meanwhile. */
function storyOf(checks: readonly CheckResult[], evidence: RunEvidence): string[] {
  if (checks.every(({ verdict }) => verdict !== 'fail')) return [];
  const story = platformStory(evidence);
  return story === undefined ? [] : [story];
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
const NO_LOSSES: Losses = { first: [], byOrigin: [] };

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
