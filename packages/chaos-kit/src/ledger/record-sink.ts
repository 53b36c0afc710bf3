import type { Completion } from './completions.ts';
import type { StandbyObservation } from './durability.ts';
import type { SessionFacts } from './session.ts';

/**
 * Where a run is kept besides memory. Everything that changes a `RunRecord` is told here first, in order, so that replaying
 * it makes an equal record. No call throws: a sink that cannot keep up its promise says so by `invoke`.
 */
export interface RecordSink {
  /** A statement of `count` writes is about to be sent. False when that cannot be kept: then it must not be sent. */
  invoke(writer: number, seq: number, count: number): boolean;
  /** A server that acknowledges on a timeline for the first time, with the index by which completions name it. */
  origin(index: number, server: string, timeline: number): void;
  acknowledged(c: Completion, durabilityHash: number): void;
  unacknowledged(c: Completion, reason: string): void;
  connected(writer: number, epoch: number, facts: SessionFacts, atMs: number): void;
  connectFailed(): void;
  settings(facts: SessionFacts): void;
  standbys(observation: StandbyObservation): void;
  tombstone(seq: number): void;
  /** Writes that were due and never attempted. */
  dropped(count: number): void;
  /** The process of the writers did not run in that time, in ms. */
  stalled(startMs: number, endMs: number): void;
  /** A reason why the record itself may be wrong. */
  doubt(reason: string): void;
}
