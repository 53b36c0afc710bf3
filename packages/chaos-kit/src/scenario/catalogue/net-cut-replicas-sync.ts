import type { Scenario } from '../scenario.ts';

/** The primary reaches none of its standbys. */
export const netCutReplicasSync: Scenario = {
  id: 'net-cut-replicas-sync',
  title: 'commits wait while the primary reaches no standby, go on when it does, and nobody is promoted',
  hypothesis:
    'Given a synchronous cluster under load, when the primary is cut off from both standbys for 60 s, then no commit is acknowledged, the operator, which still sees everybody, promotes nobody, and commits go on within 10 s of healing.',
  tags: ['ten', 'network'],
  profile: 'tuned',
  faults: [{ fixture: 'withPartition', options: { from: 'primary', to: 'all-replicas' } }],
  needs: { nodes: 3, engines: ['agent'] },
  expects: {
    promotions: 0,
    writes: 'block',
    because:
      'with dataDurability `required` a commit waits for a standby however long it takes; the operator asks every instance over the network of its own and sees a healthy primary',
  },
  budget: {
    afterHeal: {
      limit: '10s',
      documented:
        'a standby tries to connect again every 5 s (wal_retrieve_retry_interval); PostgreSQL documents no more',
      measured: { runs: 2, median: 0, worst: 0 },
    },
    converged: {
      limit: '120s',
      documented: 'none; the fault itself lasts 60 s of it',
      measured: { runs: 2, median: 69.4, worst: 73.3 },
    },
  },
  findings: [],
  docs: ['replication', 'failover'],
};
