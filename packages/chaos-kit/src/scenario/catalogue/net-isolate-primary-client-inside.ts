import type { Scenario } from '../scenario.ts';

const faults = [
  { fixture: 'withPartition', options: { from: 'primary', to: ['all-replicas', 'operator', 'api-server'] } },
];

/** The primary reaches nobody but a client on its own node. */
export const netIsolatePrimaryClientInside: Scenario = {
  id: 'net-isolate-primary-client-inside',
  title:
    'an isolated primary acknowledges nothing more, a standby takes over, and clients on the node of the old one follow',
  hypothesis:
    'Given a synchronous cluster with smartShutdownTimeout 0 and clients in a pod beside the primary, when the primary is cut off from API server, operator and standbys, then no two primaries acknowledge at the same time, the old one is stopped by its liveness probe, and the clients write again within 110 s.',
  tags: ['ten', 'network'],
  profile: 'tuned',
  faults,
  needs: { nodes: 3, engines: ['agent'] },
  expects: {
    promotions: 1,
    writes: 'gap',
    because:
      'commits wait for a standby that cannot answer; the isolation check fails the liveness probe after about 30 s, the lease runs out, and a standby is promoted',
  },
  budget: {
    recovery: {
      limit: '110s',
      documented:
        'liveness probe with isolation check up to 30 s, then the stop of the old primary until the pod is no longer ready (instance manager); the lease, which a candidate watches for 15 s, the -rw Service and the standby that acknowledges (failover)',
      measured: { runs: 2, median: 85.1, worst: 85.4 },
    },
    converged: {
      limit: '300s',
      documented: 'the old primary rejoins by pg_rewind when it is reached again; no limit is documented',
      measured: { runs: 2, median: 105.3, worst: 109.6 },
    },
  },
  findings: [],
  docs: ['instance_manager', 'failover', 'https://github.com/cloudnative-pg/cloudnative-pg/issues/11280'],
};

/** The same without synchronous replication and with the delays that every cluster has by default. */
export const netIsolatePrimaryClientInsideAsync: Scenario = {
  ...netIsolatePrimaryClientInside,
  id: 'net-isolate-primary-client-inside-async',
  title: 'an isolated primary stops acknowledging before a standby is promoted, without synchronous replication',
  hypothesis:
    'Given an asynchronous cluster with default delays and clients in a pod beside the primary, when the primary is cut off from API server, operator and standbys, then it should stop acknowledging before another one is promoted. It does not: its smart shutdown lets open sessions commit for 180 s more.',
  profile: 'async',
  expects: {
    promotions: 1,
    writes: 'continue',
    because: 'sessions that are open go on committing on the old primary all through its smart shutdown',
  },
  budget: {
    converged: {
      limit: '420s',
      documented:
        'smartShutdownTimeout 180 s on top of the failover, then the old primary rejoins; no limit is documented',
      measured: { runs: 1, median: 308.2, worst: 308.2 },
    },
  },
  findings: [
    {
      issue: 'https://github.com/cloudnative-pg/cloudnative-pg/issues/11280',
      until: '1.31',
      reason: 'the isolation check only ends the liveness probe: the smart shutdown that follows serves open sessions',
      measured:
        'the old primary acknowledged writes for 221 s after the cut, 143 s of them beside the new one; 221 084 of 303 219 acknowledged writes lost (1 run)',
    },
  ],
};
