import { POSTGRES_CONTAINER } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { signalFromNode, signalledProcesses } from '../engines/agent/signal.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { describeTarget, type PodTarget } from '../targets/target.ts';
import { defineFault, type FaultContext } from './fault.ts';
import { fixture } from './fixture.ts';
import type { Observation } from './observation.ts';
import { everyOne, serverAnswers } from './server-answers.ts';

const processes = [
  'manager',
  'postmaster',
  'backend',
  'backends',
  'postgres',
  'checkpointer',
  'walwriter',
  'walreceiver',
  'walsender',
  'archiver',
  'startup',
] as const;

const options = z.object({
  /** Whose processes. Default: the primary's. */
  target: podTargetSpec.default('primary'),
  /**
   * Which: the instance `manager` (process 1), the `postmaster`, one client's `backend` or all `backends`, everything that
   * is `postgres`, or one of its processes by name.
   */
  process: z.enum(processes),
  /** Default: KILL. STOP is undone by CONT; the others cannot be undone. */
  signal: z.enum(['KILL', 'STOP', 'TERM', 'INT', 'QUIT', 'HUP', 'ABRT', 'SEGV']).default('KILL'),
});

/** A signal to processes of an instance. `STOP` lasts until it is healed; the others happen once. */
export const processSignal = defineFault<typeof options, PodTarget>({
  name: 'process-signal',
  options,
  target: ({ target }) => podSelector(target),
  maxTargets: 5,
  engines: {
    agent: ({ targets, options: { process, signal } }) =>
      signalFromNode(targets, { container: POSTGRES_CONTAINER, process, signal }),
  },
  needs: { agent: ['signal'] },
  occupies: ({ targets, options: { signal } }) =>
    signal === 'STOP' ? targets.map(({ uid }) => `processes of pod ${uid}`) : [],
  evidence: {
    effect: async (context, signal) =>
      everyOne(await Promise.all(context.targets.map((target) => wasHit(context, target, signal)))),
    healed: async (context, signal) =>
      everyOne(await Promise.all(context.targets.map((target) => runsAgain(context, target, signal)))),
  },
});

/** Runs the body with a signal sent to processes of an instance; see `processSignal`. */
export const withProcessSignal = fixture(processSignal);

type Context = FaultContext<typeof options, PodTarget>;

// HUP and INT are not meant to end every process: that they were delivered is all there is to see
const endsNothing = ['HUP', 'INT'];

async function wasHit(
  { kube, options: { signal: name } }: Context,
  target: PodTarget,
  signal: AbortSignal,
): Promise<Observation> {
  const hit = await signalledProcesses(kube, target, signal);
  const wanted = name === 'STOP' ? 'stopped' : 'gone';
  const seen = hit.length > 0 && hit.every(({ now }) => endsNothing.includes(name) || now === wanted);
  const words = hit.map((one) => `SIG${one.signal} to ${one.process} ${one.pid}, now ${one.now}`);
  return { seen, what: `${describeTarget(target)}: ${words.join(', ')}` };
}

async function runsAgain(
  { kube, options: { signal: name } }: Context,
  target: PodTarget,
  signal: AbortSignal,
): Promise<Observation> {
  const answers = await serverAnswers(kube, target, signal);
  if (name !== 'STOP' || !answers.seen) return answers;
  const stopped = await signalledProcesses(kube, target, signal).then(
    (list) => list.filter(({ now }) => now === 'stopped'),
    // the agent forgot it: then the pod is gone
    () => [],
  );
  const words = stopped.map(({ process, pid }) => `${process} ${pid} is still stopped`);
  return { seen: stopped.length === 0, what: [answers.what, ...words].join(', ') };
}
