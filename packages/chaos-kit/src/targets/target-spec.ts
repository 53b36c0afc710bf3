import { z } from 'zod';
import { together } from './combined.ts';
import { addresses, apiServer, clients } from './endpoints.ts';
import { allInstances, allReplicas, instanceNamed } from './instances.ts';
import { nodeNamed, nodeOf, zone, zoneOf } from './node.ts';
import { operator, operatorLeader } from './operator.ts';
import { primary } from './primary.ts';
import { randomInstance, randomReplica } from './random.ts';
import { replica } from './replica.ts';
import { leastAdvanced, mostAdvanced, syncStandby } from './standby.ts';
import type { EndpointTarget, NodeTarget, PodTarget, TargetSelector, VolumeTarget } from './target.ts';
import { volumeOf } from './volume.ts';

// Targets as data, so that an option of a fault, a scenario record or a YAML file can name them. Each schema has a
// function that turns what it accepts into a selector.

const podWords = {
  primary,
  'sync-standby': syncStandby,
  'most-advanced': mostAdvanced,
  'least-advanced': leastAdvanced,
  'random-instance': randomInstance,
  'random-replica': randomReplica,
  'all-instances': allInstances,
  'all-replicas': allReplicas,
  operator,
  'operator-leader': operatorLeader,
} as const satisfies Record<string, () => TargetSelector<PodTarget>>;

type PodWord = keyof typeof podWords;

const podForm = `one of ${Object.keys(podWords).join(', ')}, or { replica: 0 }, or { instance: "pg-2" }`;

const onePodSpec = z.union(
  [
    z.enum(Object.keys(podWords) as [PodWord, ...PodWord[]]),
    z.strictObject({ replica: z.int().min(0) }),
    z.strictObject({ instance: z.string().min(1) }),
  ],
  { error: () => podForm },
);

/**
 * Pods by their role: `'primary'`, `'sync-standby'`, `'most-advanced'`, `'least-advanced'`, `'random-instance'`,
 * `'random-replica'`, `'all-instances'`, `'all-replicas'`, `'operator'`, `'operator-leader'`, `{ replica: 0 }` (counted by
 * serial number, the primary left out), `{ instance: 'pg-2' }`, or a list of these.
 */
export const podTargetSpec = z.union([onePodSpec, z.array(onePodSpec).min(1)], {
  error: () => `${podForm}, or a list of these`,
});

/** Pods by their role, as data. */
export type PodTargetSpec = z.output<typeof podTargetSpec>;

/** The selector of pods that a spec names. */
export function podSelector(spec: PodTargetSpec): TargetSelector<PodTarget> {
  if (Array.isArray(spec)) return together(...spec.map(podSelector));
  if (typeof spec === 'string') return podWords[spec]();
  return 'replica' in spec ? replica(spec.replica) : instanceNamed(spec.instance);
}

const nodeForm = '{ nodeOf: "primary" }, { zoneOf: "primary" }, { node: "w1" } or { zone: "zone-1" }';

/** Nodes: `{ nodeOf: pods }`, `{ zoneOf: pods }`, `{ node: name }`, `{ zone: name }`. */
export const nodeTargetSpec = z.union(
  [
    z.strictObject({ nodeOf: podTargetSpec }),
    z.strictObject({ zoneOf: podTargetSpec }),
    z.strictObject({ node: z.string().min(1) }),
    z.strictObject({ zone: z.string().min(1) }),
  ],
  { error: () => nodeForm },
);

/** Nodes, as data. */
export type NodeTargetSpec = z.output<typeof nodeTargetSpec>;

/** The selector of nodes that a spec names. */
export function nodeSelector(spec: NodeTargetSpec): TargetSelector<NodeTarget> {
  if ('nodeOf' in spec) return nodeOf(podSelector(spec.nodeOf));
  if ('zoneOf' in spec) return zoneOf(podSelector(spec.zoneOf));
  return 'node' in spec ? nodeNamed(spec.node) : zone(spec.zone);
}

/** A volume of instances: `{ volumeOf: 'primary', volume: 'wal' }`. */
export const volumeTargetSpec = z.strictObject(
  { volumeOf: podTargetSpec, volume: z.enum(['data', 'wal']).default('data') },
  { error: () => '{ volumeOf: "primary", volume: "wal" }' },
);

/** A volume, as data. */
export type VolumeTargetSpec = z.output<typeof volumeTargetSpec>;

/** The selector of volumes that a spec names. */
export function volumeSelector(spec: VolumeTargetSpec): TargetSelector<VolumeTarget> {
  return volumeOf(podSelector(spec.volumeOf), spec.volume);
}

const address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

const endpointForm = '"api-server", "clients" or { addresses: ["10.0.0.1"] }';

/** Addresses: `'api-server'`, `'clients'` (whoever is connected to the primary), `{ addresses: [...] }`. */
export const endpointTargetSpec = z.union(
  [z.enum(['api-server', 'clients']), z.strictObject({ addresses: z.array(address).min(1) })],
  { error: () => endpointForm },
);

/** Addresses, as data. */
export type EndpointTargetSpec = z.output<typeof endpointTargetSpec>;

/** The selector of addresses that a spec names. */
export function endpointSelector(spec: EndpointTargetSpec): TargetSelector<EndpointTarget> {
  if (spec === 'api-server') return apiServer();
  return spec === 'clients' ? clients() : addresses(spec.addresses);
}

const onePeer = z.union([onePodSpec, endpointTargetSpec, nodeTargetSpec], {
  error: () => `${podForm}, or ${endpointForm}, or ${nodeForm}`,
});

/** Who a network fault can lie between: pods, addresses, nodes, or a list of these. */
export const peerTargetSpec = z.union([onePeer, z.array(onePeer).min(1)], {
  error: () => `${podForm}, or ${endpointForm}, or ${nodeForm}, or a list of these`,
});

/** Who a network fault can lie between, as data. */
export type PeerTargetSpec = z.output<typeof peerTargetSpec>;

/** Whoever can be one side of a network fault. */
export type PeerTarget = PodTarget | EndpointTarget | NodeTarget;

/** The selector of what a spec names; see `between` for two sides. */
export function peerSelector(spec: PeerTargetSpec): TargetSelector<PeerTarget> {
  if (Array.isArray(spec)) return together<PeerTarget>(...spec.map(peerSelector));
  if (typeof spec === 'string') {
    return spec === 'api-server' || spec === 'clients' ? endpointSelector(spec) : podSelector(spec);
  }
  if ('addresses' in spec) return endpointSelector(spec);
  return 'replica' in spec || 'instance' in spec ? podSelector(spec) : nodeSelector(spec);
}
