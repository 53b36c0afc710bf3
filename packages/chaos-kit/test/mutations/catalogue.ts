import type { LedgerVerdict } from '../../src/ledger/index.ts';

/** Something broken on purpose, and what the tester must say of it. */
export interface Mutation {
  /** What is broken. */
  readonly broken: string;
  /** What must come of it, in numbers. */
  readonly must: string;
  /** `component`: on plain PostgreSQL; `chaos`: on Kubernetes; `none`: cannot be built here, for the reason given. */
  readonly where: 'component' | 'chaos' | 'none';
  readonly why?: string;
  readonly verdict: LedgerVerdict;
  /** Checkers that must say so: they fail, are inconclusive, or count something. Anything else that fails must be in `may`. */
  readonly found: readonly string[];
  readonly may?: readonly string[];
  /** What one of the reasons must say, when it is no checker that finds it. */
  readonly reason?: RegExp;
}

/** M: the system under test is broken. H: the tester is. */
export const MUTATIONS = {
  M1: {
    broken: 'no synchronous replication; the standby is cut off, the primary lost, the standby promoted',
    must: 'lost = acknowledged after the cut, exact to the row; beyond the fork: the same, at most one per writer less',
    where: 'component',
    verdict: 'fail',
    found: ['lost', 'beyond-fork'],
  },
  M2: {
    broken: '`preferred` durability: without its standbys the primary goes on alone; a stale standby is promoted',
    must: 'lost = acknowledged while it was alone, exact to the row',
    where: 'component',
    verdict: 'fail',
    found: ['lost', 'beyond-fork'],
  },
  M3: {
    broken: 'synchronous replication with somebody who cancels queries; then a failover',
    must: 'weakly acknowledged > 0, all of them lost-weak but those under way at the cut (one per writer at most), none lost',
    where: 'component',
    verdict: 'fail',
    found: ['lost-weak'],
    may: ['beyond-fork'],
  },
  M4: {
    broken: 'a restart of the primary makes unacknowledged writes visible, a failover takes them back',
    must: 'vanished = one per writer, none lost',
    where: 'component',
    verdict: 'fail',
    found: ['vanished'],
  },
  M5: {
    broken: 'of two standbys the one that was cut off is promoted, not the one that had acknowledged',
    must: 'lost = acknowledged after the cut, exact to the row',
    where: 'component',
    verdict: 'fail',
    found: ['lost', 'beyond-fork'],
  },
  M6: {
    broken: 'an isolated primary goes on acknowledging to the clients on its side',
    must: 'dual-ack > 0, two primaries, and all that was acknowledged on the old side after the fork lost',
    where: 'component',
    verdict: 'fail',
    found: ['lost', 'beyond-fork', 'dual-ack', 'two-primaries'],
    may: ['stale-read', 'vanished', 'resurrected'],
  },
  M7: {
    broken: 'a standby is promoted by hand while the primary lives',
    must: 'two instances that accept writes, seen by the prober; nothing lost',
    where: 'component',
    verdict: 'fail',
    found: ['two-primaries'],
  },
  M8: {
    broken: 'clients that stay with a demoted primary',
    must: 'refused writes (25006) > 0, with their seconds; no loss',
    where: 'component',
    verdict: 'pass',
    found: ['read-only'],
  },
  M9: {
    broken:
      '`fsync = off`, and all that was in the page cache is lost (emulated: back to a copy; nothing was flushed since)',
    must: 'lost > 0, on the same timeline; the claim is refused because of the setting',
    where: 'component',
    verdict: 'fail',
    found: ['lost'],
    may: ['time-travel'],
  },
  M10: {
    broken:
      '`synchronous_commit = remote_write`, and the page cache of a standby that does not flush is lost (emulated: back to a copy); failover',
    must: 'the start is refused; with that guard off lost = acknowledged since, exact to the row',
    where: 'component',
    verdict: 'fail',
    found: ['lost', 'beyond-fork'],
    may: ['time-travel'],
  },
  M11: {
    broken: 'the volume of a standby is put back to an old copy, then it is promoted',
    must: 'lost = acknowledged since the copy, exact to the row',
    where: 'component',
    verdict: 'fail',
    found: ['lost', 'beyond-fork'],
    may: ['time-travel', 'vanished'],
  },
  M12: {
    broken: 'the role of the clients has `synchronous_commit = local`',
    must: 'the start is refused; with that guard off lost = acknowledged after the cut, exact to the row',
    where: 'component',
    verdict: 'fail',
    found: ['lost', 'beyond-fork'],
  },
  M13: {
    broken: 'the `-rw` Service leads to all instances',
    must: 'refused writes (25006) > 0; no loss',
    where: 'component',
    verdict: 'pass',
    found: ['read-only'],
    may: ['stale-read'],
  },
  M14: {
    broken:
      'by SQL: 3 last rows of a writer and 1 in the middle of another deleted, 1 foreign row, 1 payload changed, 3 rows copied',
    must: 'lost 4, hole 1, unexpected 1, corrupted 1, duplicated 3',
    where: 'component',
    verdict: 'fail',
    found: ['lost', 'hole', 'unexpected', 'corrupted', 'duplicated'],
    may: ['time-travel', 'stale-read', 'resurrected', 'vanished'],
  },
  M15: {
    broken: 'an index that lies: rows are in the table and not in the index',
    must: 'index scan and sequential scan differ',
    where: 'component',
    verdict: 'fail',
    found: ['replica-compare'],
    may: ['amcheck', 'stale-read', 'time-travel', 'resurrected', 'vanished'],
  },
  M16: {
    broken: 'a proxy that after a lost answer writes again, under another number',
    must: 'unexpected = how often it did',
    where: 'component',
    verdict: 'fail',
    found: ['unexpected'],
  },
  M17: {
    broken: 'a proxy that answers OK before it forwards, and breaks',
    must: 'lost = answers it invented',
    where: 'component',
    verdict: 'fail',
    found: ['lost'],
    may: ['hole'],
  },
  H1: {
    broken: 'no write is ever accepted',
    must: 'inconclusive by the power gate',
    where: 'component',
    verdict: 'inconclusive',
    found: ['power'],
  },
  H2: {
    broken: 'a fault that does nothing',
    must: 'inconclusive: no effect was seen',
    where: 'chaos',
    verdict: 'inconclusive',
    found: [],
  },
  H3: {
    broken: 'the final read is led to a standby',
    must: 'inconclusive by the guard, never a loss',
    where: 'component',
    verdict: 'inconclusive',
    found: [],
    reason: /in recovery, so it is not the primary/,
  },
  H4: {
    broken: 'the final read is cut in the middle',
    must: 'inconclusive, never a loss',
    where: 'component',
    verdict: 'inconclusive',
    found: [],
    reason: /the final read did not succeed/,
  },
  H5: {
    broken: 'the runner and the writers are killed in the middle (SIGKILL)',
    must: 'the verdict of the stored run is what it would have been: pass; what was not recorded counts as unknown',
    where: 'component',
    verdict: 'pass',
    found: [],
  },
  H6: {
    broken: 'a classifier that calls a terminated session a failure',
    must: 'phantom-fail = terminated sessions whose write is there',
    where: 'component',
    verdict: 'fail',
    found: ['phantom-fail'],
  },
  H7: {
    broken: 'a classifier that ignores notices, with M3',
    must: 'lost = what M3 calls lost-weak',
    where: 'component',
    verdict: 'fail',
    found: ['lost'],
    may: ['beyond-fork'],
  },
  H8: {
    broken: 'the wall clock of the runner jumps by an hour, there and back',
    must: 'pass, and the longest gap is that of the monotonic clock',
    where: 'component',
    verdict: 'pass',
    found: [],
  },
  H9: {
    broken: 'the readers are switched off, with M4',
    must: 'M4 is not found: nobody else carries that proof',
    where: 'component',
    verdict: 'inconclusive',
    found: [],
    reason: /zero loss cannot be claimed/,
  },
} as const satisfies Record<string, Mutation>;

export type MutationId = keyof typeof MUTATIONS;

/** One run of one mutation. */
export interface MutationRecord {
  readonly id: string;
  readonly detected: boolean;
  /** Checkers that failed, were inconclusive, or counted something, with their count. */
  readonly said: Readonly<Record<string, number>>;
}
