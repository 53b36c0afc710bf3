import { z } from 'zod';
import { podChaos } from '../engines/chaos-mesh/pod-chaos.ts';
import { deletePod, evictPod } from '../engines/kubernetes/delete-pod.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { gracePeriodSeconds } from './grace-period.ts';
import { allOf } from './observation.ts';
import { podKilled, podReplaced } from './pod-evidence.ts';

/**
 * The pods of one or several instances are deleted, all at once. `by: 'eviction'` asks for it as a drain does, which a
 * disruption budget may refuse. See `primaryKilled` for what a grace period means.
 */
export const instanceKilled = defineFault({
  name: 'instance-killed',
  options: z.object({
    target: podTargetSpec.default('primary'),
    by: z.enum(['deletion', 'eviction']).default('deletion'),
    gracePeriodSeconds,
  }),
  target: ({ target }) => podSelector(target),
  maxTargets: 5,
  engines: {
    kubernetes: ({ targets, options }) => (options.by === 'eviction' ? evictPod : deletePod)(targets, options),
    'chaos-mesh': ({ targets, options }) => podChaos({ action: 'pod-kill', targets, ...options }),
  },
  needs: {
    kubernetes: ({ by }) => (by === 'eviction' ? ['create pods/eviction'] : ['delete pods']),
    'chaos-mesh': ({ by }) => (by === 'eviction' ? ['eviction'] : ['PodChaos']),
  },
  occupies: ({ targets }) => targets.map(({ uid }) => `pod ${uid}`),
  evidence: {
    effect: ({ kube, targets }, signal) => allOf(targets, (target) => podKilled(kube, target, signal)),
    healed: ({ kube, targets }, signal) => allOf(targets, (target) => podReplaced(kube, target, signal)),
  },
});

/** Runs the body with the pods of instances killed; see `instanceKilled`. */
export const withInstanceKilled = fixture(instanceKilled);
