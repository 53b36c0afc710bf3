import type { ResolvedTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { agentFault, type AgentPart } from './agent-fault.ts';
import { addressList, trafficBetween } from './sides.ts';

/** How packets are lost. */
export interface CutOptions {
  /** Only what goes from the side `from` to the side `to`. */
  readonly oneWay: boolean;
  /** `drop`: they vanish. `reject`: whoever sends them is told, TCP by a reset. */
  readonly how: 'drop' | 'reject';
  /** Of the packets, at random; two digits after the point at most. */
  readonly percent: number;
  /** See `TrafficOptions`. A share that is lost at both ends would be lost twice. @default 'both' */
  readonly ends?: 'both' | 'arrival';
}

/** Loses packets between two sides, in the network of every pod of them, for open connections and for new ones. */
export function cut(targets: readonly ResolvedTarget[], options: CutOptions): Action {
  const parts = cutParts(targets, options);
  const what = options.percent === 100 ? options.how : `${options.how} ${options.percent} % of packets`;
  const names = parts.map(({ target }) => target.name).join(', ');
  return agentFault(`${what} in the network of ${names}`, parts);
}

/** What each agent is told; see the agent's `lib/cut.sh`. */
export function cutParts(targets: readonly ResolvedTarget[], options: CutOptions): readonly AgentPart[] {
  return trafficBetween(targets, { oneWay: options.oneWay, ends: options.ends ?? 'both' }).map(
    ({ target, incoming, outgoing }) => {
      const everybody = incoming === 'any' || outgoing === 'any';
      const args = [
        options.how,
        String(options.percent),
        addressList(incoming),
        addressList(outgoing),
        // a cut-off node still runs its own pods and their probes
        everybody ? 'node' : 'none',
      ];
      return { target, family: 'cut', args };
    },
  );
}
