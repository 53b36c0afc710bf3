import type { Scenario } from '../scenario.ts';

/** The primary is moved, again and again, to a standby that is behind. */
export const switchoverLoadLaggingTarget: Scenario = {
  id: 'switchover-load-lagging-target',
  title: 'a switchover to a standby that lags takes seconds and loses no acknowledged write, five times in a row',
  hypothesis:
    'Given a synchronous cluster under load, when the primary is moved to a standby whose replay has stood still for 5 s, then the old primary stops in order, the new one replays what it has received, and each time writes are back within 20 s.',
  tags: ['ten', 'switchover'],
  profile: 'tuned',
  faults: [
    { fixture: 'withReplayPaused', options: { target: { replica: 0 } } },
    { fixture: 'withSwitchover', options: { to: { replica: 0 } } },
  ],
  needs: { nodes: 3, engines: ['kubernetes'] },
  expects: {
    promotions: 1,
    writes: 'gap',
    because:
      'a fast shutdown sends everything to the standbys that stream before it ends, and a promotion replays first',
  },
  budget: {
    writeGap: {
      limit: '20s',
      documented: 'upstream end-to-end tests allow 20 s for a switchover; switchoverDelay 30 s here (instance manager)',
      measured: { runs: 5, median: 9.9, worst: 10.3 },
    },
    converged: {
      limit: '120s',
      documented: 'the old primary rejoins as a standby; no limit is documented',
      measured: { runs: 5, median: 26.5, worst: 29.1 },
    },
  },
  findings: [],
  docs: ['instance_manager', 'https://github.com/cloudnative-pg/cloudnative-pg/issues/11114'],
};
