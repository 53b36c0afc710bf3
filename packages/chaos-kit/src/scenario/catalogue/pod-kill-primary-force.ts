import type { Scenario } from '../scenario.ts';

/** The pod of the primary is deleted without grace. */
export const podKillPrimaryForce: Scenario = {
  id: 'pod-kill-primary-force',
  title: 'a standby takes over when the pod of the primary is deleted by force, and no acknowledged write is lost',
  hypothesis:
    'Given a synchronous cluster with default delays under load, when the pod of the primary is deleted with grace 0, then a standby is promoted once the lease has run out, and writes are back within 30 s.',
  tags: ['ten', 'smoke', 'pod'],
  profile: 'sync',
  faults: [{ fixture: 'withPrimaryKilled', options: { gracePeriodSeconds: 0 } }],
  needs: { nodes: 3, engines: ['kubernetes'] },
  expects: {
    promotions: 1,
    writes: 'gap',
    because:
      'the kubelet kills 2 s after SIGTERM, in which the smart shutdown does not end while clients are connected: the lease is not released and a standby waits for its 15 s',
  },
  budget: {
    recovery: {
      limit: '40s',
      documented:
        'lease duration 15 s, election, then the -rw Service and the standby that acknowledges (failover); upstream end-to-end tests allow 10 s without clients, 30 s in clouds',
      measured: { runs: 8, median: 27.3, worst: 32.1 },
    },
    converged: {
      limit: '120s',
      documented: 'the pod is created anew on its volume and rejoins (failure modes); no limit is documented',
      measured: { runs: 8, median: 44.0, worst: 64.1 },
    },
  },
  findings: [],
  docs: ['instance_manager', 'failover', 'failure_modes'],
};
