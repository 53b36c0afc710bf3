import { z } from 'zod';
import { podChaos } from '../engines/chaos-mesh/pod-chaos.ts';
import { deletePod } from '../engines/kubernetes/delete-pod.ts';
import { primary } from '../targets/primary.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { gracePeriodSeconds } from './grace-period.ts';
import { podKilled, podReplaced } from './pod-evidence.ts';

/**
 * The pod of the primary is deleted. With `gracePeriodSeconds: 0` (default) it is a crash: nothing is shut down and the
 * primary's lease is not released. With more, PostgreSQL shuts down first, which is closer to a switchover.
 */
export const primaryKilled = defineFault({
  name: 'primary-killed',
  options: z.object({ gracePeriodSeconds }),
  target: primary(),
  engines: {
    kubernetes: ({ target, options }) => deletePod(target, options),
    'chaos-mesh': ({ targets, options }) => podChaos({ action: 'pod-kill', targets, ...options }),
  },
  evidence: {
    effect: ({ kube, target }, signal) => podKilled(kube, target, signal),
    healed: ({ kube, target }, signal) => podReplaced(kube, target, signal),
  },
});

/** Runs the body with the primary's pod killed; see `primaryKilled`. */
export const withPrimaryKilled = fixture(primaryKilled);
