import type { KubernetesObject } from '@kubernetes/client-node';
import type { KubeClient } from './client.ts';
import type { CollectionRef } from './refs.ts';
import { ResilientWatch } from './resilient-watch.ts';

/** What to watch. */
export interface WatchRef extends CollectionRef {
  labelSelector?: string;
  /** Such as `metadata.name=db`. */
  fieldSelector?: string;
}

/** Options of {@link watch}. */
export interface WatchOptions {
  /** Ends the watch. The iteration then ends without an error. */
  signal?: AbortSignal;
  /** Called for each blind interval when it is over. */
  onBlind?: (interval: BlindInterval) => void;
  /** Called when the watch goes blind, with the reason. */
  onLost?: (reason: BlindReason, detail: string) => void;
  /** Upper limit of the pause before a new attempt in milliseconds; pauses are jittered. @default 500 */
  maxPauseMs?: number;
  /**
   * After this many milliseconds without a byte the objects are listed (their metadata only): a frozen API server or a
   * cut link shows in no other way. A connection that kept a change from us is replaced. @default 5000
   */
  idleMs?: number;
  /** Time limit for the API server's first answer to a list or watch in milliseconds. @default 5000 */
  connectTimeoutMs?: number;
}

/** One change of one object. */
export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** For `DELETED`: the last known state. */
  object: T;
  /** When the change was seen here, on the clock of `performance.now()`. Changes made while blind are seen late. */
  atMs: number;
  /** `list`: it was there at the start. `relist`: found by comparing after a gap. `watch`: reported by the server. */
  source: 'list' | 'relist' | 'watch';
}

/**
 * Why the watch saw nothing: `closed` by the server in an orderly way, `reset` connection, `idle` connection that
 * brought nothing any more, `expired` resource version (410), `refused` by an error reply or event.
 */
export type BlindReason = 'closed' | 'reset' | 'idle' | 'expired' | 'refused';

/** A time in which changes could not be seen when they happened. Times are those of `performance.now()`. */
export interface BlindInterval {
  fromMs: number;
  toMs: number;
  reason: BlindReason;
  detail: string;
  /** Attempts to get back, the successful one included. */
  attempts: number;
}

/** A running watch. Iterate it once; leaving the loop ends it. */
export interface Watch<T> extends AsyncIterable<WatchEvent<T>>, AsyncDisposable {
  /** All blind intervals that are over, oldest first. */
  readonly blindIntervals: readonly BlindInterval[];
  /** Start of the blind interval that is going on, or undefined while the watch sees. */
  readonly blindSinceMs: number | undefined;
  /**
   * Until when the watch is known to have seen everything: the last byte, or the last list that showed nothing new.
   * Later times are known only once more time has passed.
   */
  readonly seenUntilMs: number;
  /** Settles when the first list is complete: from then on nothing is missed. */
  readonly ready: Promise<void>;
  /** Objects as last seen. */
  readonly objects: ReadonlyMap<string, T>;
  /**
   * Whether the watch was blind at any time between the two points in time. A silent connection is found dead only
   * later: ask when `seenUntilMs` has passed `toMs`.
   */
  wasBlind(fromMs: number, toMs: number): boolean;
  /** Ends the watch and waits until its connection is closed. */
  close(): Promise<void>;
}

/**
 * Watches objects of one kind and never stops by itself: after a reset connection, an orderly end, a silent
 * connection or an expired version it goes on where it was, within half a second once the server answers again. What
 * changed meanwhile is found by comparing with a new list where the server cannot tell. Times in which it saw nothing
 * are recorded.
 *
 * Events start with one `ADDED` for each object that is already there.
 *
 * @throws (from the iteration and from `ready`) NotFoundError, ForbiddenError or InvalidError when the very first
 * list is refused; later the watch goes on trying
 */
export function watch<T extends KubernetesObject>(
  kube: KubeClient,
  ref: WatchRef,
  options: WatchOptions = {},
): Watch<T> {
  return new ResilientWatch<T>(kube, ref, options);
}
