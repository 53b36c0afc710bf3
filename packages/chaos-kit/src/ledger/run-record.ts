import { Completions, NO_ORIGIN, completionSlot } from './completions.ts';
import type { Completion } from './completions.ts';
import type {
  DurabilityInForce,
  DurabilityProfile,
  DurabilitySettings,
  SessionRecord,
  StandbyObservation,
} from './durability.ts';
import { errorReason } from './errors.ts';
import type { RecordSink } from './record-sink.ts';
import type { SessionFacts } from './session.ts';
import { SeqCounter, SeqStates } from './seq-states.ts';
import type { SeqBook } from './seq-states.ts';
import { Stalls } from '../observers/stalls.ts';
import { ReadOnlyAnswers } from './read-only-answers.ts';

/** Who acknowledged writes: a server on a timeline. */
export interface Origin {
  readonly server: string;
  readonly timeline: number;
  acknowledged: number;
  /** First and last acknowledgement, `performance.now()` in ms. */
  firstAckMs: number;
  lastAckMs: number;
}

/** Why writes failed or stayed unknown, and how often. */
export interface ReasonCount {
  readonly reason: string;
  count: number;
}

/** A write that no server acknowledged. */
export type Unacknowledged = Omit<Completion, 'origin' | 'lsn'>;

/** What a record keeps in memory besides totals. */
export interface RecordMemory {
  /** The state of each single write. Default true. */
  readonly writes?: boolean | undefined;
  /** Where completions are kept. Default: all in memory. */
  readonly completions?: Completions | 'none' | undefined;
}

const MAX_SESSION_RECORDS = 1000;
const MAX_REASONS = 100;
const UNKNOWN: DurabilitySettings = {
  synchronousCommit: 'unknown',
  synchronousStandbyNames: 'unknown',
  fsync: 'unknown',
};

/**
 * All that one run knows: outcomes per writer, completions in order, who acknowledged, under which settings. Writers add to
 * it, measurements and the final check read it. Nothing in it is ever revised.
 */
export class RunRecord {
  /** What became of each single write, per writer; empty when only totals are remembered. */
  readonly writers: readonly SeqStates[];
  /** Every settled statement; empty when only totals are remembered. */
  readonly completions: Completions;
  /** When the process of the writers did not run. */
  readonly stalls = new Stalls();
  readonly origins: Origin[] = [];
  readonly standbys: StandbyObservation[] = [];
  readonly counts = { attempted: 0, ok: 0, 'ok-weak': 0, fail: 0, info: 0, connectFailed: 0 };
  systemIdentifier: string | undefined;
  lastAckMs: number | undefined;
  /** How many tombstones were written. */
  tombstones = 0;
  /** Writes that were due and never attempted. */
  dropped = 0;
  /** When writes were refused because the server is read-only. */
  readonly readOnly = new ReadOnlyAnswers();
  /** Reasons why this record itself may be wrong. */
  readonly doubts: string[] = [];
  readonly #sink: RecordSink | undefined;
  readonly #books: readonly SeqBook[];
  readonly #remembersCompletions: boolean;
  #sessions: SessionRecord[] = [];
  #sessionCount = 0;
  readonly #originIndex = new Map<string, number>();
  #lastOrigin = 0;
  readonly #settings = new Map<number, DurabilitySettings>();
  readonly #inForce = new Map<number, DurabilityInForce>();
  /** What the last acknowledgement found there. */
  #last: InForce | undefined;
  readonly #completion = completionSlot();
  readonly #reasons = new Map<string, ReasonCount>();

  /** With a sink, everything is told there before it is counted here. */
  constructor(writers: number, sink?: RecordSink, memory: RecordMemory = {}) {
    this.#sink = sink;
    const { writes = true, completions = new Completions() } = memory;
    this.#remembersCompletions = completions !== 'none';
    this.completions = completions === 'none' ? new Completions() : completions;
    const states = writes ? Array.from({ length: writers }, () => new SeqStates()) : [];
    this.writers = states;
    this.#books = writes ? states : Array.from({ length: writers }, () => new SeqCounter());
  }

  get writerCount(): number {
    return this.#books.length;
  }

  get acknowledged(): number {
    return this.counts.ok + this.counts['ok-weak'];
  }

  get inFlight(): number {
    const { attempted, fail, info } = this.counts;
    return attempted - this.acknowledged - fail - info;
  }

  get reasons(): ReasonCount[] {
    return [...this.#reasons.values()].toSorted((a, b) => b.count - a.count);
  }

  /** Highest timeline that ever acknowledged; 0 when none did. */
  get highestTimeline(): number {
    return Math.max(0, ...this.origins.map((origin) => origin.timeline));
  }

  /** Hands out the next number of a writer, or the first of the next `count`; `undefined` when the sink cannot keep it, and then nothing may be sent. */
  begin(writer: number, count = 1): number | undefined {
    const book = this.book(writer);
    if (this.#sink?.invoke(writer, book.length, count) === false) return undefined;
    this.counts.attempted += count;
    return book.begin(count);
  }

  /** Settles a write that no server acknowledged. */
  unacknowledged(c: Unacknowledged, error: unknown): void {
    this.unacknowledgedFor(c, `${c.outcome}: ${errorReason(error)}`);
  }

  /** Like `unacknowledged`, with the reason in words. */
  unacknowledgedFor(c: Unacknowledged, reason: string): void {
    const completion = { ...c, origin: NO_ORIGIN, lsn: 0 };
    this.#sink?.unacknowledged(completion, reason);
    this.#count(reason, this.#settle(completion));
    if (reason.startsWith(READ_ONLY_REASON)) this.readOnly.add(c.endMs);
  }

  /** Settles an acknowledged write. Returns false when the settings behind `durabilityHash` are not known yet. */
  acknowledge(c: Omit<Completion, 'origin'>, server: string, timeline: number, durabilityHash: number): boolean {
    const origin = this.#origin(server, timeline, c.endMs);
    const completion = this.#completion;
    completion.writer = c.writer;
    completion.seq = c.seq;
    completion.count = c.count;
    completion.outcome = c.outcome;
    completion.dueMs = c.dueMs;
    completion.sentMs = c.sentMs;
    completion.endMs = c.endMs;
    completion.origin = origin;
    completion.lsn = c.lsn;
    this.#sink?.acknowledged(completion, durabilityHash);
    const count = this.#settle(completion);
    const by = this.origins[origin];
    if (by !== undefined) {
      by.acknowledged += count;
      by.lastAckMs = c.endMs;
    }
    this.lastAckMs = c.endMs;
    if (this.#last?.hash !== durabilityHash) this.#last = this.#lookUp(durabilityHash, c.endMs);
    const { inForce, known } = this.#last;
    inForce.acknowledged += count;
    inForce.lastAckMs = c.endMs;
    return known;
  }

  #lookUp(hash: number, atMs: number): InForce {
    let inForce = this.#inForce.get(hash);
    if (inForce === undefined) {
      const settings = this.#settings.get(hash) ?? UNKNOWN;
      inForce = { ...settings, acknowledged: 0, firstAckMs: atMs, lastAckMs: atMs };
      this.#inForce.set(hash, inForce);
    }
    return { hash, inForce, known: this.#settings.has(hash) };
  }

  connected(writer: number, epoch: number, facts: SessionFacts, atMs: number): void {
    this.#sink?.connected(writer, epoch, facts, atMs);
    this.#remember(facts);
    this.#sessionCount++;
    if (this.#sessions.length === MAX_SESSION_RECORDS) return;
    const { synchronousCommit, synchronousStandbyNames, fsync, server, inRecovery, timeline, serverVersion } = facts;
    this.#sessions.push({
      writer,
      epoch,
      atMs,
      server,
      inRecovery,
      timeline,
      serverVersion,
      synchronousCommit,
      synchronousStandbyNames,
      fsync,
    });
  }

  connectFailed(): void {
    this.#sink?.connectFailed();
    this.counts.connectFailed++;
  }

  /** Remembers the settings behind a hash, also for writes that were acknowledged before they were known. */
  learnSettings(facts: SessionFacts): void {
    this.#sink?.settings(facts);
    this.#remember(facts);
  }

  observed(standbys: StandbyObservation): void {
    this.#sink?.standbys(standbys);
    this.standbys.push(standbys);
  }

  /** The number of the next tombstone; each final read needs a new one. */
  nextTombstone(): number {
    this.#sink?.tombstone(this.tombstones);
    return this.tombstones++;
  }

  /** Adds to the writes that were due and never attempted. */
  drop(count: number): void {
    this.#sink?.dropped(count);
    this.dropped += count;
  }

  /** Remembers why the record itself may be wrong. */
  doubt(reason: string): void {
    this.#sink?.doubt(reason);
    this.doubts.push(reason);
  }

  #remember(facts: SessionFacts): void {
    const { durabilityHash, synchronousCommit, synchronousStandbyNames, fsync } = facts;
    this.systemIdentifier ??= facts.systemIdentifier;
    const settings = { synchronousCommit, synchronousStandbyNames, fsync };
    this.#settings.set(durabilityHash, settings);
    const inForce = this.#inForce.get(durabilityHash);
    if (inForce !== undefined) this.#inForce.set(durabilityHash, { ...inForce, ...settings });
    this.#last = undefined;
  }

  durability(): DurabilityProfile {
    return {
      inForce: [...this.#inForce.values()].map((settings) => ({ ...settings })),
      sessions: [...this.#sessions],
      sessionCount: this.#sessionCount,
      standbys: [...this.standbys],
    };
  }

  /** The process of the writers did not run in that time. */
  stalled(startMs: number, endMs: number): void {
    this.#sink?.stalled(startMs, endMs);
    this.stalls.add(startMs, endMs);
  }

  /** The numbers of a writer, as far as they are remembered. */
  book(writer: number): SeqBook {
    const book = this.#books[writer];
    if (book === undefined) throw new RangeError(`writer ${writer} of ${this.#books.length}`);
    return book;
  }

  states(writer: number): SeqStates {
    const states = this.writers[writer];
    if (states === undefined) throw new RangeError(`writer ${writer} of ${this.writers.length}`);
    return states;
  }

  /** Returns how many writes that were. */
  #settle(c: Completion): number {
    const book = this.book(c.writer);
    const count = book.pendingFrom(c.seq);
    book.settle(c.seq, c.outcome);
    if (this.#remembersCompletions) this.completions.push(c, count);
    this.counts[c.outcome] += count;
    return count;
  }

  #origin(server: string, timeline: number, atMs: number): number {
    const last = this.origins[this.#lastOrigin];
    if (last?.server === server && last.timeline === timeline) return this.#lastOrigin;
    const key = `${timeline} ${server}`;
    let index = this.#originIndex.get(key);
    if (index === undefined) {
      this.#sink?.origin(this.origins.length, server, timeline);
      index = this.origins.push({ server, timeline, acknowledged: 0, firstAckMs: atMs, lastAckMs: atMs }) - 1;
      this.#originIndex.set(key, index);
    }
    this.#lastOrigin = index;
    return index;
  }

  #count(reason: string, writes: number): void {
    const known =
      this.#reasons.get(reason) ?? (this.#reasons.size >= MAX_REASONS ? this.#reasons.get(OTHER) : undefined);
    if (known !== undefined) known.count += writes;
    else {
      const key = this.#reasons.size >= MAX_REASONS ? OTHER : reason;
      this.#reasons.set(key, { reason: key, count: writes });
    }
  }
}

/** Settings in force, by their hash. */
interface InForce {
  readonly hash: number;
  readonly inForce: DurabilityInForce;
  /** Whether the settings are known. */
  readonly known: boolean;
}

const OTHER = 'other reasons';
const READ_ONLY_REASON = 'fail: 25006 ';
