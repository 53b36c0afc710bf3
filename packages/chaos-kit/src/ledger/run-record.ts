import { Completions, NO_ORIGIN } from './completions.ts';
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
import { SeqStates } from './seq-states.ts';

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
  readonly writers: readonly SeqStates[];
  readonly completions = new Completions();
  readonly origins: Origin[] = [];
  readonly standbys: StandbyObservation[] = [];
  readonly counts = { attempted: 0, ok: 0, 'ok-weak': 0, fail: 0, info: 0, connectFailed: 0 };
  systemIdentifier: string | undefined;
  lastAckMs: number | undefined;
  /** How many tombstones were written. */
  tombstones = 0;
  /** Writes that were due and never attempted. */
  dropped = 0;
  /** Reasons why this record itself may be wrong. */
  readonly doubts: string[] = [];
  readonly #sink: RecordSink | undefined;
  #sessions: SessionRecord[] = [];
  #sessionCount = 0;
  readonly #originIndex = new Map<string, number>();
  readonly #settings = new Map<number, DurabilitySettings>();
  readonly #inForce = new Map<number, DurabilityInForce>();
  readonly #reasons = new Map<string, ReasonCount>();

  /** With a sink, everything is told there before it is counted here. */
  constructor(writers: number, sink?: RecordSink) {
    this.#sink = sink;
    this.writers = Array.from({ length: writers }, () => new SeqStates());
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

  /** Hands out the next number of a writer; `undefined` when the sink cannot keep it, and then nothing may be sent. */
  begin(writer: number): number | undefined {
    const states = this.states(writer);
    if (this.#sink?.invoke(writer, states.length) === false) return undefined;
    this.counts.attempted++;
    return states.begin();
  }

  /** Settles a write that no server acknowledged. */
  unacknowledged(c: Unacknowledged, error: unknown): void {
    this.unacknowledgedFor(c, `${c.outcome}: ${errorReason(error)}`);
  }

  /** Like `unacknowledged`, with the reason in words. */
  unacknowledgedFor(c: Unacknowledged, reason: string): void {
    const completion = { ...c, origin: NO_ORIGIN, lsn: 0 };
    this.#sink?.unacknowledged(completion, reason);
    this.#settle(completion);
    this.#count(reason);
  }

  /** Settles an acknowledged write. Returns false when the settings behind `durabilityHash` are not known yet. */
  acknowledge(c: Omit<Completion, 'origin'>, server: string, timeline: number, durabilityHash: number): boolean {
    const origin = this.#origin(server, timeline, c.endMs);
    const completion = { ...c, origin };
    this.#sink?.acknowledged(completion, durabilityHash);
    this.#settle(completion);
    const by = this.origins[origin];
    if (by !== undefined) {
      by.acknowledged++;
      by.lastAckMs = c.endMs;
    }
    this.lastAckMs = c.endMs;
    let inForce = this.#inForce.get(durabilityHash);
    if (inForce === undefined) {
      const settings = this.#settings.get(durabilityHash) ?? UNKNOWN;
      inForce = { ...settings, acknowledged: 0, firstAckMs: c.endMs, lastAckMs: c.endMs };
      this.#inForce.set(durabilityHash, inForce);
    }
    inForce.acknowledged++;
    inForce.lastAckMs = c.endMs;
    return this.#settings.has(durabilityHash);
  }

  connected(writer: number, epoch: number, facts: SessionFacts, atMs = performance.now()): void {
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
  }

  durability(): DurabilityProfile {
    return {
      inForce: [...this.#inForce.values()].map((settings) => ({ ...settings })),
      sessions: [...this.#sessions],
      sessionCount: this.#sessionCount,
      standbys: [...this.standbys],
    };
  }

  states(writer: number): SeqStates {
    const states = this.writers[writer];
    if (states === undefined) throw new RangeError(`writer ${writer} of ${this.writers.length}`);
    return states;
  }

  #settle(c: Completion): void {
    this.states(c.writer).settle(c.seq, c.outcome);
    this.completions.push(c);
    this.counts[c.outcome]++;
  }

  #origin(server: string, timeline: number, atMs: number): number {
    const key = `${timeline} ${server}`;
    let index = this.#originIndex.get(key);
    if (index === undefined) {
      this.#sink?.origin(this.origins.length, server, timeline);
      index = this.origins.push({ server, timeline, acknowledged: 0, firstAckMs: atMs, lastAckMs: atMs }) - 1;
      this.#originIndex.set(key, index);
    }
    return index;
  }

  #count(reason: string): void {
    const known =
      this.#reasons.get(reason) ?? (this.#reasons.size >= MAX_REASONS ? this.#reasons.get(OTHER) : undefined);
    if (known !== undefined) known.count++;
    else {
      const key = this.#reasons.size >= MAX_REASONS ? OTHER : reason;
      this.#reasons.set(key, { reason: key, count: 1 });
    }
  }
}

const OTHER = 'other reasons';
