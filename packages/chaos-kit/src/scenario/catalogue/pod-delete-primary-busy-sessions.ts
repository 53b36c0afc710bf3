import type { Scenario } from '../scenario.ts';

const title = 'new sessions can write again soon after the pod of the primary was deleted while sessions are held open';
const fault = { fixture: 'withPrimaryKilled', options: { gracePeriodSeconds: 60 } };

/** The pod of the primary is deleted in order while 25 sessions are held open. */
export const podDeletePrimaryBusySessions: Scenario = {
  id: 'pod-delete-primary-busy-sessions',
  title: `${title}, where a shutdown does not wait for clients`,
  hypothesis:
    'Given a synchronous cluster with smartShutdownTimeout 0 and 25 sessions held open, when the pod of the primary is deleted with its own grace, then it shuts down fast, releases its lease, and new sessions can write within 20 s. Sometimes they cannot: the instance manager holds the lease until its own workers have ended.',
  tags: ['ten', 'pod'],
  profile: 'tuned',
  faults: [fault],
  needs: { nodes: 3, engines: ['kubernetes'] },
  expects: {
    promotions: 1,
    writes: 'gap',
    because: 'a fast shutdown ends every session, and the lease is released when PostgreSQL has stopped',
  },
  budget: {
    recovery: {
      limit: '45s',
      documented:
        'a released lease is taken over at once, else when its 15 s are over; then the -rw Service and the standby that acknowledges (instance manager, failover)',
      measured: { runs: 4, median: 19.7, worst: 27.2 },
    },
    converged: {
      limit: '120s',
      documented: 'stopDelay 60 s, then the pod is created anew on its volume and rejoins; no limit is documented',
      measured: { runs: 4, median: 34.5, worst: 47.5 },
    },
  },
  findings: [
    {
      issue: 'https://github.com/cloudnative-pg/cloudnative-pg/issues',
      reason:
        'PostgreSQL has stopped within a second, but the instance manager waits 30 s for its own workers ("failed waiting for all runnables to end within grace period of 30s") before it releases the lease',
      sometimes: true,
      measured: 'writes back after 23.4 and 27.2 s instead of 5.5 and 15.9 s in 2 of 4 runs',
    },
  ],
  docs: ['instance_manager', 'https://github.com/cloudnative-pg/cloudnative-pg/issues/7888'],
};

/** The same with the delays that every cluster has by default. */
export const podDeletePrimaryBusySessionsDefaults: Scenario = {
  ...podDeletePrimaryBusySessions,
  id: 'pod-delete-primary-busy-sessions-defaults',
  title: `${title}, with default delays`,
  hypothesis:
    'Given a synchronous cluster with default delays and 25 sessions held open, when the pod of the primary is deleted with its own grace, then new sessions should be able to write within 20 s. They are not: the smart shutdown waits 180 s for the open ones.',
  profile: 'sync',
  faults: [{ ...fault, options: { gracePeriodSeconds: 1800 } }],
  expects: {
    promotions: 1,
    writes: 'gap',
    because:
      'the smart shutdown lets open sessions go on and refuses new ones for up to smartShutdownTimeout (180 s); the primary holds its lease all the while',
  },
  budget: {
    writeGap: {
      limit: '45s',
      documented:
        'none for open sessions: they write on during the smart shutdown, then the fast shutdown and the failover end them (instance manager)',
      measured: { runs: 3, median: 8.6, worst: 21.3 },
    },
    converged: {
      limit: '300s',
      documented: 'the pod is created anew after the shutdown; no limit is documented',
      measured: { runs: 3, median: 222.3, worst: 245.0 },
    },
  },
  findings: [
    {
      issue: 'https://github.com/cloudnative-pg/cloudnative-pg/issues/7888',
      reason: 'the smart shutdown keeps new sessions out for up to 180 s while a client holds one open',
      measured: 'new sessions can write again after 202, 208 and 219 s (3 runs)',
    },
  ],
};
