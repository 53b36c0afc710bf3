import type { NodeTarget, EndpointTarget, PodTarget, ResolvedTarget } from '../../targets/target.ts';
import { TargetError } from '../../targets/target.ts';

/** Whoever can be at one end of a network fault. */
export type Peer = PodTarget | EndpointTarget | NodeTarget;

/** A pod, and whose packets it is about. */
export interface PodTraffic {
  readonly target: PodTarget;
  /** From whom: addresses and networks; `any` for everybody. Undefined: what comes in is left alone. */
  readonly incoming: readonly string[] | 'any' | undefined;
  /** To whom. Undefined: what goes out is left alone. */
  readonly outgoing: readonly string[] | 'any' | undefined;
}

/** Networks that stand for everybody. */
export const everyAddress: readonly string[] = ['0.0.0.0/0', '::/0'];

/** How a fault between two sides is made. */
export interface TrafficOptions {
  /** Only what goes from the side `from` to the side `to`. */
  readonly oneWay: boolean;
  /**
   * `both`: what passes between two pods is met in the network of both, because behind a ClusterIP only the end that is
   * connected to sees the other's own address. `arrival`: only where it arrives, for what must happen once.
   */
  readonly ends: 'both' | 'arrival';
}

/**
 * What a fault between two sides is for each pod of them.
 *
 * @throws TargetError when a pod has no address, or no pod is among them
 */
export function trafficBetween(
  targets: readonly ResolvedTarget[],
  { oneWay, ends }: TrafficOptions,
): readonly PodTraffic[] {
  const sides = sidesOf(targets);
  const traffic = (['from', 'to'] as const).flatMap((side) => {
    const others = sides[side === 'from' ? 'to' : 'from'];
    const receivers = ends === 'both' ? others : others.filter(({ kind }) => kind !== 'pod');
    return sides[side].flatMap((target): PodTraffic[] => {
      if (target.kind !== 'pod') return [];
      const outgoing = (side === 'from' || !oneWay) && receivers.length > 0 ? addressesOf(receivers) : undefined;
      const incoming = side === 'to' || !oneWay ? addressesOf(others) : undefined;
      return incoming === undefined && outgoing === undefined ? [] : [{ target, incoming, outgoing }];
    });
  });
  if (traffic.length === 0) throw new TargetError('a network fault needs a pod on one side: it is made in its network');
  return traffic;
}

/** The targets by side. @throws TargetError when one is on none, or is nothing with an address */
export function sidesOf(targets: readonly ResolvedTarget[]): { from: readonly Peer[]; to: readonly Peer[] } {
  const sides = { from: [] as Peer[], to: [] as Peer[] };
  for (const target of targets) {
    const peer = target.kind === 'pod' || target.kind === 'endpoint' || target.kind === 'node' ? target : undefined;
    if (peer === undefined || target.side === undefined) {
      throw new TargetError(`${target.role}: a ${target.kind} is no side of a network fault`);
    }
    sides[target.side].push(peer);
  }
  return sides;
}

/** The addresses of peers. @throws TargetError when one has none */
export function addressesOf(peers: readonly Peer[]): readonly string[] | 'any' {
  const list = peers.flatMap((peer) => {
    if (peer.kind === 'endpoint') return peer.addresses;
    if (peer.ip === undefined) throw new TargetError(`${peer.role}: ${peer.kind} ${peer.name} has no address yet`);
    return [peer.ip];
  });
  return list.some((address) => everyAddress.includes(address)) ? 'any' : [...new Set(list)].toSorted();
}

/** Addresses as an argument of the agent. */
export function addressList(addresses: readonly string[] | 'any' | undefined): string {
  if (addresses === undefined) return 'none';
  return addresses === 'any' ? 'any' : addresses.join(',');
}
