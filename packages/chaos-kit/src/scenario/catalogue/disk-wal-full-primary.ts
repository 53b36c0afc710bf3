import type { Scenario } from '../scenario.ts';

/** The WAL volume of the primary is full. */
export const diskWalFullPrimary: Scenario = {
  id: 'disk-wal-full-primary',
  title: 'a full WAL volume stops the primary without a failover, and writes go on when there is space again',
  hypothesis:
    'Given a synchronous cluster with a WAL volume under load, when the volume of the primary is full, then PostgreSQL stops, the operator says so in the phase and fails over to nobody, and writes go on within minutes of space being there again.',
  tags: ['ten', 'storage'],
  profile: 'tuned',
  faults: [{ fixture: 'withDiskFull', options: { target: 'primary', volume: 'wal' } }],
  needs: { nodes: 3, engines: ['agent'] },
  expects: {
    promotions: 0,
    writes: 'block',
    because:
      'the instance manager ends with exit code 4 and the operator sets the phase `Not enough disk space`: a failover would only fill the next volume (instance manager, disk full failure)',
  },
  budget: {
    afterHeal: {
      limit: '360s',
      documented:
        'the operator restarts the instance when there is space; the kubelet is in its back-off by then, which is 5 min at most (instance manager, disk full failure)',
      measured: { runs: 1, median: 36.4, worst: 36.4 },
    },
    converged: {
      limit: '480s',
      documented: 'none; the fault itself lasts up to 80 s of it',
      measured: { runs: 1, median: 68.4, worst: 68.4 },
    },
  },
  findings: [],
  docs: ['instance_manager', 'https://github.com/cloudnative-pg/cloudnative-pg/issues/4521'],
};
