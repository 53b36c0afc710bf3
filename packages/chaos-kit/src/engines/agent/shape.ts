import type { ResolvedTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { agentFault, type AgentPart } from './agent-fault.ts';
import { addressList, trafficBetween } from './sides.ts';

/** How much may pass. */
export interface ShapeOptions {
  readonly oneWay: boolean;
  /** Bits a second, for each pod and way. */
  readonly bits: number;
}

/** Holds what passes between two sides to so many bits a second. */
export function shape(targets: readonly ResolvedTarget[], options: ShapeOptions): Action {
  const parts = shapeParts(targets, options);
  return agentFault(`${options.bits} bit/s at ${parts.map(({ target }) => target.name).join(', ')}`, parts);
}

/** What each agent is told; see the agent's `lib/shape.sh`. */
export function shapeParts(targets: readonly ResolvedTarget[], { oneWay, bits }: ShapeOptions): readonly AgentPart[] {
  return trafficBetween(targets, { oneWay, ends: 'arrival' }).map(({ target, incoming, outgoing }) => ({
    target,
    family: 'shape',
    args: [String(bits), addressList(incoming), addressList(outgoing)],
  }));
}
