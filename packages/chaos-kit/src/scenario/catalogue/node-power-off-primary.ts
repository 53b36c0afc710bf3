import type { Scenario } from '../scenario.ts';

/** The machine under the primary loses its power. */
export const nodePowerOffPrimary: Scenario = {
  id: 'node-power-off-primary',
  title: 'a standby takes over when the node of the primary loses its power, and no acknowledged write is lost',
  hypothesis:
    'Given a synchronous cluster under load, when the node of the primary is switched off, then Kubernetes calls it lost after its grace period, the operator promotes a standby, and the old primary rejoins when its node is back.',
  tags: ['ten', 'node'],
  profile: 'tuned',
  faults: [{ fixture: 'withNodeDown', options: { target: { nodeOf: 'primary' }, how: 'power-off' } }],
  needs: { nodes: 3, engines: ['lab'] },
  expects: {
    promotions: 1,
    writes: 'gap',
    because:
      'nothing tells the operator sooner than the node controller: Ready turns Unknown when the kubelet has been silent for 50 s; the lease of the primary (15 s) is over by then',
  },
  budget: {
    recovery: {
      limit: '100s',
      documented:
        'node lost after 50 s of silence (looked at every 5 s), then the lease of the primary, which a candidate watches for 15 s, then the -rw Service and the standby that acknowledges: 75 to 90 s (failover, failure modes)',
      measured: { runs: 2, median: 85.8, worst: 87.4 },
    },
    converged: {
      limit: '300s',
      documented: 'the old primary rejoins by pg_rewind when its node is back; no limit is documented',
      measured: { runs: 2, median: 110.4, worst: 112.0 },
    },
  },
  findings: [],
  docs: ['failover', 'failure_modes', 'https://github.com/cloudnative-pg/cloudnative-pg/issues/6154'],
};
