import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { PodTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import { agentFault } from './agent-fault.ts';
import { runAgent } from './agent-pods.ts';
import { containerId } from './container-id.ts';

/** A place in a container. */
export interface MountPlace {
  readonly container: string;
  /** Where the volume is mounted. */
  readonly mount: string;
}

/** Fills a volume up with a file of its own until only so many bytes are left. */
export function fill(
  targets: readonly PodTarget[],
  { container, mount, leave }: MountPlace & { leave: number },
): Action {
  const parts = targets.map((target) => ({ target, family: 'fill', container, args: [mount, String(leave)] }));
  const names = targets.map(({ name }) => name).join(', ');
  return agentFault(`fill ${mount} of ${names}, ${leave} bytes left`, parts);
}

/** Bytes of a volume. */
export interface VolumeSpace {
  readonly free: number;
  readonly size: number;
}

/** Asks the node how full a volume is; the pod itself may be unable to answer then. */
export async function volumeSpace(
  kube: KubeClient,
  target: PodTarget,
  { container, mount }: MountPlace,
  signal: AbortSignal,
): Promise<VolumeSpace> {
  if (target.node === undefined) throw new EngineError('agent', `pod ${target.name} is on no node`);
  const verb = ['volume', target.uid, await containerId(kube, target, container, signal), mount];
  return parseVolumeSpace(await runAgent(kube, target.node, verb, { signal }));
}

/** Reads what the agent's `volume` printed. @throws EngineError when it is not of that form */
export function parseVolumeSpace(text: string): VolumeSpace {
  const [, free, size] = /^(\d+) (\d+)$/.exec(text.trim()) ?? [];
  if (free === undefined) throw new EngineError('agent', `volume said ${JSON.stringify(text)}`);
  return { free: Number(free), size: Number(size) };
}
