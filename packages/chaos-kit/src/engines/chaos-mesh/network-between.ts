import type { EndpointTarget, NodeTarget, PodTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import { combineActions } from './combine-actions.ts';
import { networkChaos, type NetworkDirection, type NetworkEffect } from './network-chaos.ts';

type Peer = PodTarget | EndpointTarget | NodeTarget;

/**
 * A network fault between the `from` and the `to` side of some targets, as fault objects: one between pods, and one
 * between pods and the addresses of the other side. They are two, because an object that has both cuts the pods of the
 * other side off from these addresses as well.
 *
 * @param oneWay only what goes from `from` to `to` is hit; else both directions
 * @throws EngineError when neither side has a pod
 */
export function networkBetween(effect: NetworkEffect, targets: readonly Peer[], oneWay: boolean): Action {
  const from = sideOf(targets, 'from');
  const to = sideOf(targets, 'to');
  const actions: Action[] = [];
  const add = (
    source: readonly PodTarget[],
    other: { target?: readonly PodTarget[]; externalTargets?: readonly string[] },
    direction: NetworkDirection,
  ) => {
    if (source.length === 0 || (other.target ?? other.externalTargets ?? []).length === 0) return;
    // An ip set cannot hold all addresses: without another side, everybody is meant.
    const others = other.externalTargets?.some(isEverybody) === true ? {} : other;
    actions.push(networkChaos({ effect, source, direction, ...others }));
  };
  add(from.pods, { target: to.pods }, oneWay ? 'to' : 'both');
  add(from.pods, { externalTargets: to.addresses }, oneWay ? 'to' : 'both');
  add(to.pods, { externalTargets: from.addresses }, oneWay ? 'from' : 'both');
  if (actions.length === 0) {
    throw new EngineError(
      'chaos-mesh',
      `NetworkChaos ${effect.kind}: it works inside of pods, and neither side has one`,
    );
  }
  return combineActions(actions);
}

function sideOf(targets: readonly Peer[], side: 'from' | 'to'): { pods: PodTarget[]; addresses: string[] } {
  const members = targets.filter((target) => target.side === side);
  return {
    pods: members.filter((target) => target.kind === 'pod'),
    addresses: members.flatMap((target) => {
      if (target.kind === 'endpoint') return target.addresses;
      return target.kind === 'node' && target.ip !== undefined ? [target.ip] : [];
    }),
  };
}

function isEverybody(address: string): boolean {
  return address.endsWith('/0');
}
