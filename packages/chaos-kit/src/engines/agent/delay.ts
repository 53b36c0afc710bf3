import type { ResolvedTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { agentFault, type AgentPart } from './agent-fault.ts';
import { addressList, trafficBetween } from './sides.ts';

/** How long packets are held. */
export interface DelayOptions {
  readonly oneWay: boolean;
  /** Each way, in milliseconds. */
  readonly latencyMs: number;
  /** Spread around it to both sides, in milliseconds; packets may then overtake each other. */
  readonly jitterMs: number;
}

/** Holds packets between two sides for a while, each way. Needs no netem. */
export function delay(targets: readonly ResolvedTarget[], options: DelayOptions): Action {
  const parts = delayParts(targets, options);
  const spread = options.jitterMs > 0 ? ` ± ${options.jitterMs} ms` : '';
  const names = parts.map(({ target }) => target.name).join(', ');
  return agentFault(`latency of ${options.latencyMs} ms${spread} at ${names}`, parts);
}

/** What each agent is told; see the agent's `lib/delay.sh`. */
export function delayParts(targets: readonly ResolvedTarget[], options: DelayOptions): readonly AgentPart[] {
  const microseconds = (ms: number) => String(Math.round(ms * 1000));
  const times = [microseconds(options.latencyMs), microseconds(options.jitterMs)];
  return trafficBetween(targets, { oneWay: options.oneWay, ends: 'arrival' }).map(({ target, incoming, outgoing }) => ({
    target,
    family: 'delay',
    args: [...times, addressList(incoming), addressList(outgoing)],
  }));
}
