import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { PodTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import { agentFault } from './agent-fault.ts';
import { runAgent } from './agent-pods.ts';
import { containerId } from './container-id.ts';
import type { MountPlace } from './fill.ts';

/** What is done to writes: each takes so long on average, or none is ever done. */
export type Throttle = { readonly latencyMs: number } | 'hang';

/** Makes a container's writes to a volume slow, or never done. */
export function throttle(targets: readonly PodTarget[], place: MountPlace, what: Throttle): Action {
  const args = what === 'hang' ? ['hang'] : ['latency', String(Math.round(what.latencyMs * 1000))];
  const parts = targets.map((target) => ({
    target,
    family: 'throttle',
    container: place.container,
    args: [place.mount, ...args],
  }));
  const words = what === 'hang' ? 'no write is done' : `a write takes ${what.latencyMs} ms`;
  return agentFault(`${words} on ${place.mount} of ${targets.map(({ name }) => name).join(', ')}`, parts);
}

/** How long writes took that wait for the disk. */
export type WriteLatency =
  | { readonly hung: true; readonly writes: number }
  | {
      readonly hung: false;
      readonly writes: number;
      readonly meanMs: number;
      readonly medianMs: number;
      readonly p95Ms: number;
      readonly maxMs: number;
    };

/** Writes to a volume as a container does for a while, and gives how long each write took. */
export async function writeLatency(
  kube: KubeClient,
  target: PodTarget,
  { container, mount }: MountPlace,
  forMs: number,
  signal: AbortSignal,
): Promise<WriteLatency> {
  if (target.node === undefined) throw new EngineError('agent', `pod ${target.name} is on no node`);
  const id = await containerId(kube, target, container, signal);
  const verb = ['iolatency', target.uid, id, mount, String(Math.round(forMs))];
  return parseWriteLatency(await runAgent(kube, target.node, verb, { signal }));
}

/** Reads what `ioprobe` printed. @throws EngineError when it is not of that form */
export function parseWriteLatency(text: string): WriteLatency {
  const [, hung] = /^hung (\d+)$/.exec(text.trim()) ?? [];
  if (hung !== undefined) return { hung: true, writes: Number(hung) };
  const numbers = /^writes (\d+) us (\d+) (\d+) (\d+) (\d+)$/.exec(text.trim())?.slice(1).map(Number);
  if (numbers === undefined) throw new EngineError('agent', `ioprobe said ${JSON.stringify(text)}`);
  const [writes = 0, mean = 0, median = 0, p95 = 0, max = 0] = numbers;
  const [meanMs = 0, medianMs = 0, p95Ms = 0, maxMs = 0] = [mean, median, p95, max].map((us) => us / 1000);
  return { hung: false, writes, meanMs, medianMs, p95Ms, maxMs };
}
