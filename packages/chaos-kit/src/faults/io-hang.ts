import { POSTGRES_CONTAINER } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { throttle, writeLatency } from '../engines/agent/throttle.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { describeTarget, type PodTarget } from '../targets/target.ts';
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
});

/**
 * Writes of an instance to one of its volumes are not done until it is healed; then they go on as if nothing had happened.
 * Reads and open connections work, so a server looks alive that no longer commits.
 */
export const ioHang = defineFault<typeof options, PodTarget>({
  name: 'io-hang',
  options,
  target: ({ target }) => podSelector(target),
  maxTargets: 5,
  engines: {
    agent: ({ targets, options: { volume } }) =>
      throttle(targets, { container: POSTGRES_CONTAINER, mount: mountOf(volume) }, 'hang'),
  },
  needs: { agent: ['throttle'] },
  occupies: ({ targets, options: { volume } }) => targets.map(({ uid }) => writesOf(volume, uid)),
  evidence: {
    effect: async (context, signal) =>
      everyOne(await Promise.all(context.targets.map((target) => look(context, target, true, signal)))),
    healed: async (context, signal) =>
      everyOne(await Promise.all(context.targets.map((target) => look(context, target, false, signal)))),
  },
});

/** Runs the body with writes that are not done; see `ioHang`. */
export const withIOHang = fixture(ioHang);

const probeMs = 300;

async function look(
  { kube, options: { volume } }: FaultContext<typeof options, PodTarget>,
  target: PodTarget,
  wanted: boolean,
  signal: AbortSignal,
): Promise<Observation> {
  const place = { container: POSTGRES_CONTAINER, mount: mountOf(volume) };
  const { hung, writes } = await writeLatency(kube, target, place, probeMs, signal);
  const words = hung ? `no write is done after 2 s (${writes} were before)` : `${writes} writes were done`;
  return { seen: hung === wanted, what: `${describeTarget(target)}, ${place.mount}: ${words}` };
}
