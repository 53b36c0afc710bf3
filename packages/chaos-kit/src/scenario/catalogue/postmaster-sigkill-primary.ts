import type { Scenario } from '../scenario.ts';

/** The postmaster of the primary is killed with SIGKILL. */
export const postmasterSigkillPrimary: Scenario = {
  id: 'postmaster-sigkill-primary',
  title:
    'PostgreSQL is back, here or on a standby, when the postmaster of the primary is killed, and no acknowledged write is lost',
  hypothesis:
    'Given a synchronous cluster under load, when the postmaster of the primary gets SIGKILL, then its instance manager ends and releases the lease, and either the container is restarted in place or a standby is promoted, but never both; writes are back within 20 s.',
  tags: ['ten', 'process'],
  profile: 'tuned',
  faults: [{ fixture: 'withProcessSignal', options: { process: 'postmaster', signal: 'KILL' } }],
  needs: { nodes: 3, engines: ['agent'] },
  expects: {
    promotions: '0..1',
    writes: 'gap',
    because:
      'the instance manager ends with its postmaster; the kubelet restarts the container at once while the operator decides on a failover: the faster one wins',
  },
  budget: {
    recovery: {
      limit: '20s',
      documented:
        'crash recovery and container restart take seconds, a released lease is taken over at once (instance manager, failover)',
      measured: { runs: 4, median: 12.5, worst: 15.2 },
    },
    converged: {
      limit: '120s',
      documented: 'the old primary restarts or rejoins; no limit is documented',
      measured: { runs: 4, median: 35.6, worst: 44.9 },
    },
  },
  findings: [],
  docs: ['instance_manager', 'failover'],
};
