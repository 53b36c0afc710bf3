import type { ReadObservation } from '../../observers/observation.ts';
import type { RunRecord } from '../run-record.ts';
import type { Evidence, RunEvidence } from './checker.ts';
import { amount } from './checker.ts';
import { seconds } from './moments.ts';
import { WriterBits } from './seq-bits.ts';

/** One write by its number. */
export interface WriteId {
  readonly writer: number;
  readonly seq: number;
}

/** A known row that a read did not find. */
export interface Absence extends WriteId {
  readonly read: ReadObservation;
}

/** What the reads of the `-rw` route show. */
export interface Told {
  readonly reads: readonly ReadObservation[];
  /** Rows that some read saw. */
  readonly seen: WriterBits;
  /** Known rows that a read of the newest timeline missed and a later one, or the final read, found. */
  readonly resurrected: readonly Absence[];
  /** Known rows that a read of a standby or of an older timeline missed. */
  readonly stale: readonly (Absence & { readonly newConnection: boolean })[];
  /** First reads that missed rows which never came back. */
  readonly gone: readonly Absence[];
}

/** What comes this soon after something is not taken to come after it, in ms: the two were timed by two processes. */
const SLACK_MS = 1;
/** Beyond as many missing rows they are no longer told apart. */
const MAX_ABSENCES = 1_000_000;

const told = new WeakMap<RunEvidence, Told>();

/**
 * Replays what readers of `-rw` saw beside what clients were told. A row is known from its acknowledgement, or from the end of
 * the first read that saw it; a read that began later must show it. Rows that were still under way are nobody's fault.
 */
export function replayReads(evidence: Evidence | RunEvidence): Told {
  const known = told.get(evidence) ?? replay(evidence);
  told.set(evidence, known);
  return known;
}

function replay(evidence: Evidence | RunEvidence): Told {
  const { record, observations } = evidence;
  const reads = (observations?.reads ?? [])
    .filter(({ from }) => from === 'rw')
    .toSorted((a, b) => a.startMs - b.startMs);
  const seen = new WriterBits(record);
  const known = new WriterBits(record);
  const missing = new Map<number, Absence>();
  const resurrected: Absence[] = [];
  const stale: (Absence & { newConnection: boolean })[] = [];
  const acknowledged = new Acknowledged(record);
  const newest = new NewestTimeline(record);
  const slackMs = SLACK_MS + (evidence.clockUncertaintyMs ?? 0);
  for (const read of reads) {
    acknowledged.until(read.startMs - slackMs, known);
    const behind = read.recovering || (read.timeline ?? 0) < newest.at(read.startMs - slackMs);
    const newConnection =
      newest.at(read.openedMs - slackMs) > (read.timeline ?? 0) ||
      (read.recovering && newest.at(read.openedMs - slackMs) > 0);
    eachRow(read, (writer, seq) => {
      seen.of(writer).add(seq);
      const absence = behind ? undefined : missing.get(keyOf(writer, seq));
      if (absence === undefined) return;
      missing.delete(keyOf(writer, seq));
      resurrected.push(absence);
    });
    eachAbsent(read, known, (writer, seq) => {
      if (behind) stale.push({ writer, seq, read, newConnection });
      else if (!missing.has(keyOf(writer, seq)) && missing.size < MAX_ABSENCES)
        missing.set(keyOf(writer, seq), { writer, seq, read });
    });
    eachRow(read, (writer, seq) => known.of(writer).add(seq));
    if (!read.recovering && read.timeline !== undefined) newest.saw(read.timeline, read.endMs);
  }
  const gone: Absence[] = [];
  for (const absence of missing.values()) {
    const there = 'read' in evidence && record.states(absence.writer).copies(absence.seq) > 0;
    (there ? resurrected : gone).push(absence);
  }
  return { reads, seen, resurrected, stale, gone };
}

/** What readers of a route looked at: how often, and for how long they could not. */
export function lookedAt({ observations }: RunEvidence, route: 'rw' | 'ro'): string {
  const reads = observations?.reads.filter(({ from }) => from === route).length ?? 0;
  const blind = observations?.blind.filter(({ observer }) => observer === route) ?? [];
  const blindMs = blind.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  return `${amount(reads, `read on -${route}`, `reads on -${route}`)}${blindMs > 0 ? `, blind for ${seconds(blindMs)}` : ''}`;
}

/** Every row that a read found. */
export function eachRow(read: ReadObservation, visit: (writer: number, seq: number) => void): void {
  for (const [writer, first, last] of read.runs) for (let seq = first; seq <= last; seq++) visit(writer, seq);
}

/** Every row of a set that a read would have had to find and did not. */
export function eachAbsent(
  read: ReadObservation,
  expected: WriterBits,
  visit: (writer: number, seq: number) => void,
): void {
  const runs = Map.groupBy(read.runs, ([writer]) => writer);
  for (const [writer, above] of read.above.entries()) {
    const bits = expected.of(writer);
    let next = above + 1;
    for (const [, first, last] of runs.get(writer) ?? []) {
      for (; next < first && next <= bits.highest; next++) if (bits.has(next)) visit(writer, next);
      next = Math.max(next, last + 1);
    }
    for (; next <= bits.highest; next++) if (bits.has(next)) visit(writer, next);
  }
}

function keyOf(writer: number, seq: number): number {
  return writer * 2 ** 32 + seq;
}

/** Walks the acknowledgements of a run once, in their order. */
class Acknowledged {
  readonly #record: RunRecord;
  #next = 0;

  constructor(record: RunRecord) {
    this.#record = record;
  }

  /** Adds what was acknowledged up to a moment. */
  until(ms: number, known: WriterBits): void {
    const { completions } = this.#record;
    for (; this.#next < completions.length && completions.endMs(this.#next) <= ms; this.#next++) {
      if (!completions.acknowledged(this.#next)) continue;
      const { writer, seq, count } = completions.at(this.#next);
      for (let at = seq; at < seq + count; at++) known.of(writer).add(at);
    }
  }
}

/** The newest timeline on which anything had been acknowledged or read by a moment. */
class NewestTimeline {
  readonly #since: { readonly atMs: number; readonly timeline: number }[];

  constructor(record: RunRecord) {
    this.#since = record.origins.map(({ firstAckMs, timeline }) => ({ atMs: firstAckMs, timeline }));
  }

  saw(timeline: number, atMs: number): void {
    if (!this.#since.some((it) => it.timeline === timeline && it.atMs <= atMs)) this.#since.push({ atMs, timeline });
  }

  at(ms: number): number {
    return Math.max(0, ...this.#since.filter(({ atMs }) => atMs <= ms).map(({ timeline }) => timeline));
  }
}
