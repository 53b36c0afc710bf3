import { setTimeout as sleep } from 'node:timers/promises';
import { POSTGRES_CONTAINER } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { hog, hogStates } from '../engines/agent/hog.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { describeTarget, type PodTarget } from '../targets/target.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import type { Observation } from './observation.ts';
import { everyOne } from './server-answers.ts';

const workersForm = 'a whole number from 1 to 64';

const options = z.object({
  /** Where. Default: the primary. */
  target: podTargetSpec.default('primary'),
  /** Programs that are busy all the time. @default 2 */
  workers: z
    .int({ error: () => workersForm })
    .min(1, { error: () => workersForm })
    .max(64, { error: () => workersForm })
    .default(2),
});

// on a busy machine a worker gets little; less than this is no pressure at all
const leastShare = 0.05;

/** Busy programs inside an instance's container take its processors, within the limits that the container has. */
export const cpuStress = defineFault<typeof options, PodTarget>({
  name: 'cpu-stress',
  options,
  target: ({ target }) => podSelector(target),
  maxTargets: 5,
  engines: {
    agent: ({ targets, options: { workers } }) => hog(targets, POSTGRES_CONTAINER, { kind: 'cpu', workers }),
  },
  unsupported: {
    'chaos-mesh':
      'what its stressors take cannot be seen from outside; use stressChaos() in a fault with evidence of its own',
  },
  needs: { agent: ['hog'] },
  evidence: {
    effect: async ({ kube, targets, options: { workers } }, signal) => {
      const looks = targets.map(async (target): Promise<Observation> => {
        const startedMs = performance.now();
        const before = await hogStates(kube, target, signal);
        await sleep(1_000, undefined, { signal });
        const after = await hogStates(kube, target, signal);
        const seconds = (performance.now() - startedMs) / 1000;
        const cores = (total(after) - total(before)) / seconds;
        const busy = after.filter(({ kind }) => kind === 'cpu').length;
        const what = `${describeTarget(target)}: ${busy} workers get ${cores.toFixed(2)} processors`;
        return { seen: busy >= workers && cores >= leastShare * workers, what, data: { cores } };
      });
      return everyOne(await Promise.all(looks));
    },
    healed: async ({ kube, targets }, signal) =>
      everyOne(await Promise.all(targets.map((one) => none(kube, one, signal)))),
  },
});

/** Runs the body with busy processors; see `cpuStress`. */
export const withCpuStress = fixture(cpuStress);

function total(states: readonly { readonly cpuSeconds: number }[]): number {
  return states.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

async function none(...[kube, target, signal]: Parameters<typeof hogStates>): Promise<Observation> {
  const left = (await hogStates(kube, target, signal)).filter(({ kind }) => kind === 'cpu');
  return { seen: left.length === 0, what: `${describeTarget(target)}: ${left.length} workers left` };
}
