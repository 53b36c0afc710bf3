import { POSTGRES_CONTAINER } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { freeze } from '../engines/agent/freeze.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import type { PodTarget } from '../targets/target.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { everyOne, serverAnswers, serverSilent } from './server-answers.ts';

const options = z.object({ target: podTargetSpec.default('primary') });

/**
 * Every process of an instance stands still, the instance manager included: connections are accepted, and nobody
 * answers. Healing lets them go on as if nothing had happened. The liveness probe of Kubernetes may end the container
 * before; that ends the fault too.
 */
export const instanceFrozen = defineFault<typeof options, PodTarget>({
  name: 'instance-frozen',
  options,
  target: ({ target }) => podSelector(target),
  maxTargets: 5,
  engines: { agent: ({ targets }) => freeze(targets, POSTGRES_CONTAINER) },
  unsupported: { kubernetes: 'process 1 of a container cannot be stopped from inside' },
  needs: { agent: ['freeze'] },
  occupies: ({ targets }) => targets.map(({ uid }) => `processes of pod ${uid}`),
  evidence: {
    effect: async ({ kube, targets }, signal) =>
      everyOne(await Promise.all(targets.map((target) => serverSilent(kube, target, signal)))),
    healed: async ({ kube, targets }, signal) =>
      everyOne(await Promise.all(targets.map((target) => serverAnswers(kube, target, signal)))),
  },
});

/** Runs the body with an instance frozen; see `instanceFrozen`. */
export const withInstanceFrozen = fixture(instanceFrozen);
