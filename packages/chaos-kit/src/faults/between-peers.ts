import { z } from 'zod';
import { everyAddress } from '../engines/agent/sides.ts';
import { between } from '../targets/combined.ts';
import { type PeerTarget, peerSelector, peerTargetSpec } from '../targets/target-spec.ts';
import type { EndpointTarget, TargetSelector } from '../targets/target.ts';

const peer = z.union([z.literal('everything'), peerTargetSpec], {
  error: () =>
    '"everything", a role such as "primary", "api-server", { addresses: [...] }, { nodeOf: "primary" }, or a list',
});

/** One end of a network fault, as data: `'everything'` or what `peerTargetSpec` accepts. */
export type Peers = z.output<typeof peer>;

/** Options of every fault that lies between two sides. */
export const betweenPeers = {
  /** One side. Default: the primary. */
  from: peer.default('primary'),
  /** The other side. `'everything'`: everybody but the node that a pod of the first side is on. */
  to: peer,
  /** Only what goes from `from` to `to`. Default: both directions. */
  oneWay: z.boolean().default(false),
} as const;

/** Most targets on both sides together: five instances, the operator, the API server and some clients. */
export const mostPeers = 16;

/** Resolves both sides; every target says on which it is. */
export function peersBetween({ from, to }: { from: Peers; to: Peers }): TargetSelector<PeerTarget> {
  return between(selector(from), selector(to));
}

function selector(peers: Peers): TargetSelector<PeerTarget> {
  return peers === 'everything' ? everything : peerSelector(peers);
}

const everything: TargetSelector<EndpointTarget> = {
  description: 'everything',
  resolve: () =>
    Promise.resolve([
      { kind: 'endpoint', role: 'everything', name: 'everything', uid: 'everything', addresses: everyAddress },
    ]),
};
