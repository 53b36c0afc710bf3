import { POSTGRES_CONTAINER } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { durationSchema } from '../config/duration-schema.ts';
import { throttle, writeLatency } from '../engines/agent/throttle.ts';
import { ioChaos, ioNeeds } from '../engines/chaos-mesh/io-chaos.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { describeTarget, type PodTarget } from '../targets/target.ts';
import { withinFactor } from './bounds.ts';
import { defineFault, type FaultContext } from './fault.ts';
import { fixture } from './fixture.ts';
import type { Observation } from './observation.ts';
import { everyOne } from './server-answers.ts';
import { mountOf, volumeName, writesOf } from './volume-mount.ts';

const options = z.object({
  /** Whose volume. Default: the primary's. */
  target: podTargetSpec.default('primary'),
  /** Default: data. */
  volume: volumeName,
  /** How long a write that waits for the disk takes on average, such as `"50ms"`. 5 ms to 1 s. */
  latency: durationSchema().refine((ms) => ms >= 5 && ms <= 1_000, { error: () => 'a duration from "5ms" to "1s"' }),
});

/**
 * Writes of an instance to one of its volumes are slow: so long on average, each for itself up to 100 ms off, because the
 * kernel grants writes in slices of that length. Only writes that wait are slow, such as a commit's; what the kernel
 * writes back later is not.
 */
export const ioLatency = defineFault<typeof options, PodTarget>({
  name: 'io-latency',
  options,
  target: ({ target }) => podSelector(target),
  maxTargets: 5,
  engines: {
    agent: ({ targets, options: { volume, latency } }) =>
      throttle(targets, { container: POSTGRES_CONTAINER, mount: mountOf(volume) }, { latencyMs: latency }),
    'chaos-mesh': ({ targets, options: { volume, latency } }) =>
      ioChaos({
        targets,
        container: POSTGRES_CONTAINER,
        volumePath: mountOf(volume),
        effect: { kind: 'latency', delayMs: latency },
        methods: ['write', 'fsync'],
      }),
  },
  needs: { agent: ['throttle'], 'chaos-mesh': ['agent', ...ioNeeds] },
  occupies: ({ targets, options: { volume } }) => targets.map(({ uid }) => writesOf(volume, uid)),
  evidence: {
    effect: async (context, signal) =>
      everyOne(await Promise.all(context.targets.map((target) => looksSlow(context, target, signal)))),
    healed: async (context, signal) =>
      everyOne(await Promise.all(context.targets.map((target) => looksFast(context, target, signal)))),
  },
});

/** Runs the body with slow writes; see `ioLatency`. */
export const withIOLatency = fixture(ioLatency);

type Context = FaultContext<typeof options, PodTarget>;

/** How far the mean may be from what was asked for. */
const factor = 1.5;

async function measure({ kube, options: { volume, latency } }: Context, target: PodTarget, signal: AbortSignal) {
  const place = { container: POSTGRES_CONTAINER, mount: mountOf(volume) };
  return writeLatency(kube, target, place, Math.max(1_500, 10 * latency), signal);
}

async function looksSlow(context: Context, target: PodTarget, signal: AbortSignal): Promise<Observation> {
  const asked = context.options.latency;
  const seen = await measure(context, target, signal);
  const pod = describeTarget(target);
  if (seen.hung) return { seen: false, what: `${pod}: a write hung` };
  const { writes, meanMs, medianMs, p95Ms } = seen;
  const what = `${pod}: ${writes} writes of ${meanMs.toFixed(1)} ms on average (median ${medianMs.toFixed(1)}, p95 ${p95Ms.toFixed(1)}), asked for ${asked} ms`;
  return { seen: withinFactor(factor, asked, meanMs), what, data: { writes, meanMs, medianMs, p95Ms } };
}

async function looksFast(context: Context, target: PodTarget, signal: AbortSignal): Promise<Observation> {
  const seen = await measure(context, target, signal);
  const pod = describeTarget(target);
  if (seen.hung) return { seen: false, what: `${pod}: a write hung` };
  const what = `${pod}: ${seen.writes} writes of ${seen.meanMs.toFixed(1)} ms on average`;
  return { seen: seen.meanMs < context.options.latency / factor, what };
}
