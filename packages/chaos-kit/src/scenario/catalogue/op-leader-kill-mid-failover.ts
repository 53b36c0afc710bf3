import type { Scenario } from '../scenario.ts';

/** The operator's leader dies between its decision to fail over and the promotion. */
export const opLeaderKillMidFailover: Scenario = {
  id: 'op-leader-kill-mid-failover',
  title:
    'another operator pod finishes the failover when the leader dies in the middle of it, and no acknowledged write is lost',
  hypothesis:
    'Given a synchronous cluster under load and an operator of three pods, when the pod of the primary is deleted by force and the leader is deleted between its decision (`pending`) and the promotion, then the next leader promotes a standby within 60 s, once.',
  tags: ['ten', 'operator'],
  profile: 'tuned',
  faults: [
    { fixture: 'withPrimaryKilled', options: { gracePeriodSeconds: 0 } },
    { fixture: 'withOperatorDown', options: { mode: 'kill-leader' } },
  ],
  needs: { nodes: 3, engines: ['kubernetes'] },
  expects: {
    promotions: 1,
    writes: 'gap',
    because:
      'the next leader takes the Lease over when it has run out (15 s) and finds the failover half done in the status',
  },
  budget: {
    recovery: {
      limit: '60s',
      documented: 'lease of the operator 15 s on top of a plain failover (operator_conf, failover)',
      measured: { runs: 2, median: 24.9, worst: 28.2 },
    },
    converged: {
      limit: '180s',
      documented: 'the pod is created anew on its volume and rejoins; no limit is documented',
      measured: { runs: 2, median: 34.2, worst: 35.9 },
    },
  },
  findings: [],
  docs: ['operator_conf', 'failover'],
};
