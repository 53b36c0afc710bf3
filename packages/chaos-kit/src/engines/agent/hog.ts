import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { PodTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import { agentFault } from './agent-fault.ts';
import { runAgent } from './agent-pods.ts';

/** What is taken: processors, or MiB of memory (0: up to 16 MiB below the container's limit). */
export type Hog =
  | { readonly kind: 'cpu'; readonly workers: number }
  | { readonly kind: 'memory'; readonly mebibytes: number };

/** Takes processors or memory inside a container's limits. */
export function hog(targets: readonly PodTarget[], container: string, what: Hog): Action {
  const amount = what.kind === 'cpu' ? what.workers : what.mebibytes;
  const parts = targets.map((target) => ({ target, family: 'hog', container, args: [what.kind, String(amount)] }));
  const words =
    what.kind === 'cpu' ? `${amount} busy workers` : `${amount === 0 ? 'nearly all' : `${amount} MiB of`} memory`;
  return agentFault(`${words} in ${targets.map(({ name }) => name).join(', ')}`, parts);
}

/** What a program that takes something has got. */
export interface HogState {
  readonly kind: string;
  /** Seconds that it ran on a processor. */
  readonly cpuSeconds: number;
  readonly mebibytes: number;
}

/** Asks the node what the programs in a pod have got. */
export async function hogStates(
  kube: KubeClient,
  target: PodTarget,
  signal: AbortSignal,
): Promise<readonly HogState[]> {
  if (target.node === undefined) throw new EngineError('agent', `pod ${target.name} is on no node`);
  return parseHogs(await runAgent(kube, target.node, ['hogs', target.uid], { signal }));
}

/** Reads what the agent's `hogs` printed. @throws EngineError when it is not of that form */
export function parseHogs(text: string): readonly HogState[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, kind, ...numbers] = /^(cpu|memory) (\d+) (\d+) (\d+)$/.exec(line) ?? [];
      const [ticks = 0, kibibytes = 0, ticksPerSecond = 100] = numbers.map(Number);
      if (kind === undefined) throw new EngineError('agent', `hogs said ${JSON.stringify(line)}`);
      return { kind, cpuSeconds: ticks / ticksPerSecond, mebibytes: kibibytes / 1024 };
    });
}
