import type { Scenario } from '../scenario.ts';

/** The primary and the standby that acknowledged the last commits are lost at the same instant. */
export const quorumPrimaryAndSyncedStandby: Scenario = {
  id: 'quorum-primary-and-synced-standby',
  title:
    'the standby that lacks commits is never promoted when the primary and the standby that has them are lost at once',
  hypothesis:
    'Given a synchronous cluster `any 1` of three with failoverQuorum, when the pods of the primary and of the standby that acknowledged last are deleted by force at once and cannot come back for 45 s, then the operator refuses a failover all the while, writes are back soon after, and no acknowledged write is lost.',
  tags: ['ten', 'quorum'],
  profile: 'tuned',
  faults: [
    { fixture: 'withNodeClosed', options: { target: { nodeOf: 'primary' } } },
    { fixture: 'withNodeClosed', options: { target: { nodeOf: 'sync-standby' } } },
    { fixture: 'withInstanceKilled', options: { target: ['primary', 'sync-standby'], gracePeriodSeconds: 0 } },
  ],
  needs: { nodes: 3, engines: ['kubernetes'] },
  expects: {
    promotions: '0..1',
    writes: 'block',
    because:
      'of three instances two would have to be seen so that one of them surely has the last commit (R + W > N); one alone is refused, and the pods that come back settle it',
  },
  budget: {
    afterHeal: {
      limit: '60s',
      documented:
        'none: the pods are scheduled again, PostgreSQL recovers and a standby connects; a plain failover (20 s) may come on top (failover, quorum-based)',
      measured: { runs: 3, median: 12.7, worst: 13.3 },
    },
    converged: {
      limit: '180s',
      documented: 'the pods are created anew on their volumes and rejoin; no limit is documented',
      measured: { runs: 3, median: 70.2, worst: 71.2 },
    },
  },
  findings: [],
  docs: ['failover', 'replication'],
};
