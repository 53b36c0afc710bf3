import { z } from 'zod';
import { podChaos } from '../engines/chaos-mesh/pod-chaos.ts';
import { deletePod } from '../engines/kubernetes/delete-pod.ts';
import { replica } from '../targets/replica.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { gracePeriodSeconds } from './grace-period.ts';
import { podKilled, podReplaced } from './pod-evidence.ts';

/** The pod of one replica is deleted; `index` counts the replicas from 0 in the order of their serial numbers. */
export const replicaKilled = defineFault({
  name: 'replica-killed',
  options: z.object({
    index: z
      .int({ error: () => 'a whole number, 0 or more' })
      .min(0)
      .default(0),
    gracePeriodSeconds,
  }),
  target: ({ index }) => replica(index),
  engines: {
    kubernetes: ({ target, options }) => deletePod(target, options),
    'chaos-mesh': ({ targets, options }) => podChaos({ action: 'pod-kill', targets, ...options }),
  },
  evidence: {
    effect: ({ kube, target }, signal) => podKilled(kube, target, signal),
    healed: ({ kube, target }, signal) => podReplaced(kube, target, signal),
  },
});

/** Runs the body with a replica's pod killed; see `replicaKilled`. */
export const withReplicaKilled = fixture(replicaKilled);
