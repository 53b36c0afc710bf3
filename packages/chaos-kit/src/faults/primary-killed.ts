import { z } from 'zod';
import { podChaos } from '../engines/chaos-mesh/pod-chaos.ts';
import { deletePod } from '../engines/kubernetes/delete-pod.ts';
import { primary } from '../targets/primary.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { gracePeriodSeconds } from './grace-period.ts';
import { podKilled, podReplaced } from './pod-evidence.ts';

/**
 * The pod of the primary is deleted. With `gracePeriodSeconds: 0` (default) the pod object is gone at once, but not the
 * process: the kubelet sends SIGTERM and kills 2 s later (its least grace period), and until then open sessions go on
 * committing. The primary's lease is released only when the shutdown ends within these 2 s, which it does not while
 * clients are connected: then a standby waits for the lease to run out (15 s). With a longer grace period PostgreSQL
 * shuts down first, which is closer to a switchover.
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
