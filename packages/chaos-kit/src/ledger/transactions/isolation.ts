/** Isolation levels of PostgreSQL that differ (`read uncommitted` is `read committed` there). */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

export const ISOLATION_LEVELS: readonly IsolationLevel[] = ['read committed', 'repeatable read', 'serializable'];

/** What a history of transactions can show. The names are those of Adya and of Elle where these have one. */
export type AnomalyType =
  | 'G0'
  | 'G1a'
  | 'G1b'
  | 'G1c'
  | 'G-single'
  | 'G-nonadjacent'
  | 'G2-item'
  | 'G0-process'
  | 'G1c-process'
  | 'G-single-process'
  | 'G-nonadjacent-process'
  | 'G2-item-process'
  | 'G0-realtime'
  | 'G1c-realtime'
  | 'G-single-realtime'
  | 'G-nonadjacent-realtime'
  | 'G2-item-realtime'
  | 'incompatible-order'
  | 'duplicate-append'
  | 'unexpected-append'
  | 'internal'
  | 'non-repeatable-read'
  | 'lost-update'
  | 'stale-read'
  | 'lost-append'
  | 'lost-append-weak'
  | 'vanished-append';

/** The level from which an anomaly is forbidden; a missing entry: from `read committed` on, so never allowed. */
const FORBIDDEN_FROM: Partial<Record<AnomalyType, IsolationLevel | 'never'>> = {
  // repeatable read of PostgreSQL is snapshot isolation
  'G-single': 'repeatable read',
  'G-nonadjacent': 'repeatable read',
  'lost-update': 'repeatable read',
  'non-repeatable-read': 'repeatable read',
  'G2-item': 'serializable',
  // Snapshots of one primary contain everything that was acknowledged before they were taken. Under read committed each
  // statement has its own, so only a read that misses what was acknowledged before its transaction began is wrong there.
  'G-single-process': 'repeatable read',
  'G-single-realtime': 'repeatable read',
  'G-nonadjacent-process': 'repeatable read',
  'G-nonadjacent-realtime': 'repeatable read',
  // serializable does not promise that the order agrees with real time
  'G2-item-process': 'never',
  'G2-item-realtime': 'never',
};

/** Whether transactions that ran at this level on one primary may not show this anomaly. */
export function forbids(level: IsolationLevel, anomaly: AnomalyType): boolean {
  const from = FORBIDDEN_FROM[anomaly] ?? 'read committed';
  return from !== 'never' && ISOLATION_LEVELS.indexOf(level) >= ISOLATION_LEVELS.indexOf(from);
}
