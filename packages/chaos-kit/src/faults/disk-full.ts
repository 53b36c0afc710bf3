import { POSTGRES_CONTAINER } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { fill, volumeSpace } from '../engines/agent/fill.ts';
import { agentFaults, type ListedFault } from '../engines/agent/listed-faults.ts';
import { EngineError } from '../engines/engine-error.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { describeTarget, type PodTarget, TargetError } from '../targets/target.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import type { Observation } from './observation.ts';
import { everyOne } from './server-answers.ts';
import { mountOf, volumeName } from './volume-mount.ts';

const options = z.object({
  /** Whose volume. Default: the primary's. */
  target: podTargetSpec.default('primary'),
  /** Default: data. */
  volume: volumeName,
  /** Bytes that stay free. @default 0 */
  leave: z
    .int({ error: () => 'a whole number of bytes, 0 or more' })
    .min(0)
    .default(0),
});

// a file system keeps a few blocks for its own notes
const slackBytes = 256 * 1024;

/**
 * A volume of an instance is full, by a file that healing removes. A full data volume fails statements with SQLSTATE
 * 53100; a full WAL volume is noticed only when the recycled segments are used up, and then ends the server. Refused
 * where the volume lies on the node's own disk.
 */
export const diskFull = defineFault<typeof options, PodTarget>({
  name: 'disk-full',
  options,
  target: ({ target }) => podSelector(target),
  maxTargets: 5,
  engines: {
    agent: ({ targets, options: { volume, leave } }) =>
      fill(targets, { container: POSTGRES_CONTAINER, mount: mountOf(volume), leave }),
  },
  needs: { agent: ['fill'] },
  occupies: ({ targets, options: { volume } }) => targets.map(({ uid }) => `space of volume ${volume} of pod ${uid}`),
  evidence: {
    effect: async ({ kube, targets, options: { volume, leave } }, signal) => {
      const place = { container: POSTGRES_CONTAINER, mount: mountOf(volume) };
      const looks = targets.map(async (target): Promise<Observation> => {
        const { free, size } = await volumeSpace(kube, target, place, signal);
        const what = `${describeTarget(target)}: ${free} of ${size} bytes free on ${place.mount}`;
        return { seen: free <= leave + slackBytes, what, data: { free, size } };
      });
      return everyOne(await Promise.all(looks));
    },
    // the server may have ended, and its container with it: the nodes are asked for the file itself
    healed: async ({ faultId, kube, targets, options: { volume } }, signal) => {
      const files = (await agentFaults(kube, signal)).filter(({ id }) => id.startsWith(faultId));
      const place = { container: POSTGRES_CONTAINER, mount: mountOf(volume) };
      const spaces = targets.map((target) =>
        volumeSpace(kube, target, place, signal).then(
          ({ free, size }) => `${describeTarget(target)}: ${free} of ${size} bytes free`,
          (error: unknown) => {
            if (!(error instanceof EngineError) && !(error instanceof TargetError)) throw error;
            return `${describeTarget(target)}: its container does not run`;
          },
        ),
      );
      return { seen: files.length === 0, what: [...(await Promise.all(spaces)), ...files.map(say)].join('; ') };
    },
  },
});

/** Runs the body with a full volume; see `diskFull`. */
export const withDiskFull = fixture(diskFull);

function say({ id, what }: ListedFault): string {
  return `${id} is still there: ${what}`;
}
