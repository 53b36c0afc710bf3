import { z } from 'zod';
import { cut } from '../engines/agent/cut.ts';
import { networkBetween } from '../engines/chaos-mesh/network-between.ts';
import { networkNeeds } from '../engines/chaos-mesh/network-chaos.ts';
import { betweenPeers, mostPeers, peersBetween } from './between-peers.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { looksCut, looksWhole } from './reach.ts';

/**
 * Two sides can no longer reach each other, over open connections or new ones. `how: 'drop'` (default) is a broken network:
 * nothing comes back. `how: 'reject'` is a firewall: TCP is reset at once.
 *
 * With `oneWay` only what goes from `from` to `to` is lost; TCP then stands still in both directions, since the answers
 * are missing, but what was sent before does arrive. A pod that is created while the fault is in force is not cut off.
 *
 * Chaos Mesh can only drop, and from `everything` it cuts off the node, too, so that the kubelet's probes fail.
 *
 * @example
 * // The primary is alone with its clients.
 * await withPartition({ to: ['all-replicas', 'operator', 'api-server'] }, () => cluster.waitForFailover());
 */
export const partition = defineFault({
  name: 'partition',
  options: z.object({ ...betweenPeers, how: z.enum(['drop', 'reject']).default('drop') }),
  target: peersBetween,
  maxTargets: mostPeers,
  engines: {
    agent: ({ targets, options: { oneWay, how } }) => cut(targets, { oneWay, how, percent: 100 }),
    'chaos-mesh': ({ targets, options: { oneWay } }) => networkBetween({ kind: 'partition' }, targets, oneWay),
  },
  unsupported: { kubernetes: 'a NetworkPolicy is up to the network plug-in and leaves open connections alone' },
  needs: {
    agent: ['cut'],
    // 2.8.3 only drops
    'chaos-mesh': ({ how }) => ['agent', ...networkNeeds('partition', true), ...(how === 'reject' ? ['reject'] : [])],
  },
  evidence: {
    effect: ({ kube, targets, options }, signal) => looksCut(kube, targets, options, signal),
    healed: ({ kube, targets }, signal) => looksWhole(kube, targets, signal),
  },
});

/** Runs the body with two sides cut off from each other; see `partition`. */
export const withPartition = fixture(partition);
