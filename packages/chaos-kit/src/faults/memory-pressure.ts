import { POSTGRES_CONTAINER } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { hog, hogStates } from '../engines/agent/hog.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { describeTarget, type PodTarget } from '../targets/target.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import type { Observation } from './observation.ts';
import { everyOne } from './server-answers.ts';

const memoryForm = 'a whole number of MiB from 1 to 1048576, or "to-the-limit"';

const options = z.object({
  /** Where. Default: the primary. */
  target: podTargetSpec.default('primary'),
  /**
   * How much is taken. Default: so much that 16 MiB are left below the container's limit; refused where the container has
   * none, since that would hit the node.
   */
  mebibytes: z
    .union([z.literal('to-the-limit'), z.int().min(1).max(1_048_576)], { error: () => memoryForm })
    .default('to-the-limit'),
});

/**
 * A program inside an instance's container takes memory. It is the first that the kernel ends when memory runs out, so this
 * is pressure, not the death of the server; the kernel gives up cached files before that.
 */
export const memoryPressure = defineFault<typeof options, PodTarget>({
  name: 'memory-pressure',
  options,
  target: ({ target }) => podSelector(target),
  maxTargets: 5,
  engines: {
    agent: ({ targets, options: { mebibytes } }) =>
      hog(targets, POSTGRES_CONTAINER, {
        kind: 'memory',
        mebibytes: mebibytes === 'to-the-limit' ? 0 : mebibytes,
      }),
  },
  unsupported: {
    'chaos-mesh':
      'what its stressors take cannot be seen from outside; use stressChaos() in a fault with evidence of its own',
  },
  needs: { agent: ['hog'] },
  occupies: ({ targets }) => targets.map(({ uid }) => `memory of pod ${uid}`),
  evidence: {
    effect: async ({ kube, targets, options: { mebibytes } }, signal) => {
      const wanted = mebibytes === 'to-the-limit' ? 1 : 0.95 * mebibytes;
      const looks = targets.map(async (target): Promise<Observation> => {
        const held = await heldIn(kube, target, signal);
        const what = `${describeTarget(target)}: ${held.toFixed(0)} MiB taken`;
        return { seen: held >= wanted, what, data: { mebibytes: held } };
      });
      return everyOne(await Promise.all(looks));
    },
    healed: async ({ kube, targets }, signal) => {
      const looks = targets.map(async (target): Promise<Observation> => {
        const held = await heldIn(kube, target, signal);
        return { seen: held === 0, what: `${describeTarget(target)}: ${held.toFixed(0)} MiB taken` };
      });
      return everyOne(await Promise.all(looks));
    },
  },
});

/** Runs the body with little memory left; see `memoryPressure`. */
export const withMemoryPressure = fixture(memoryPressure);

async function heldIn(...[kube, target, signal]: Parameters<typeof hogStates>): Promise<number> {
  const states = await hogStates(kube, target, signal);
  return states.filter(({ kind }) => kind === 'memory').reduce((sum, { mebibytes }) => sum + mebibytes, 0);
}
