import { listNodes } from '@cnpg-chaos/cnpg-utils';
import { type NodeTarget, type PodTarget, TargetError, type TargetContext, type TargetSelector } from './target.ts';

const zoneLabel = 'topology.kubernetes.io/zone';

/** The nodes that some pods run on, each once: `nodeOf(primary())`. */
export function nodeOf(pods: TargetSelector<PodTarget>): TargetSelector<NodeTarget> {
  const description = `node of ${pods.description}`;
  return {
    description,
    async resolve(context, signal) {
      const names = new Set<string>();
      for (const pod of await pods.resolve(context, signal)) {
        if (pod.node === undefined)
          throw new TargetError(`${description}: pod ${pod.namespace}/${pod.name} is on no node yet`);
        names.add(pod.node);
      }
      return nodesBy(description, (node) => names.has(node.name), context, signal);
    },
  };
}

/** The node of this name. */
export function nodeNamed(name: string): TargetSelector<NodeTarget> {
  const description = `node ${name}`;
  return {
    description,
    resolve: (context, signal) => nodesBy(description, (node) => node.name === name, context, signal),
  };
}

/** All nodes of a zone, by their label `topology.kubernetes.io/zone`. */
export function zone(name: string): TargetSelector<NodeTarget> {
  const description = `zone ${name}`;
  return {
    description,
    resolve: (context, signal) => nodesBy(description, (node) => node.zone === name, context, signal),
  };
}

/** All nodes of the zones that some pods run in: `zoneOf(primary())`. */
export function zoneOf(pods: TargetSelector<PodTarget>): TargetSelector<NodeTarget> {
  const description = `zone of ${pods.description}`;
  return {
    description,
    async resolve(context, signal) {
      const places = new Set((await pods.resolve(context, signal)).map(({ node }) => node));
      const nodes = await nodesOf(context, signal);
      const zones = new Set<string>();
      for (const node of nodes.filter(({ name }) => places.has(name))) {
        if (node.zone === undefined)
          throw new TargetError(`${description}: node ${node.name} has no label ${zoneLabel}`);
        zones.add(node.zone);
      }
      return chosen(description, nodes, (node) => node.zone !== undefined && zones.has(node.zone));
    },
  };
}

interface KnownNode {
  readonly name: string;
  readonly uid: string;
  readonly ip?: string;
  readonly zone?: string;
}

async function nodesBy(
  role: string,
  test: (node: KnownNode) => boolean,
  context: TargetContext,
  signal: AbortSignal,
): Promise<NodeTarget[]> {
  return chosen(role, await nodesOf(context, signal), test);
}

function chosen(role: string, nodes: readonly KnownNode[], test: (node: KnownNode) => boolean): NodeTarget[] {
  const found = nodes.filter(test);
  if (found.length === 0) {
    const known = nodes.map(({ name, zone: of }) => (of === undefined ? name : `${name} (${of})`)).join(', ');
    throw new TargetError(`${role}: no such node; nodes: ${known || 'none'}`);
  }
  return found.map(({ name, uid, ip }) => ({ kind: 'node', role, name, uid, ...(ip === undefined ? {} : { ip }) }));
}

async function nodesOf({ kube }: TargetContext, signal: AbortSignal): Promise<KnownNode[]> {
  const nodes = await listNodes(kube, { signal });
  return nodes.map(({ metadata, status }) => {
    const ip = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    const inZone = metadata?.labels?.[zoneLabel];
    return {
      name: metadata?.name ?? '',
      uid: metadata?.uid ?? '',
      ...(ip === undefined ? {} : { ip }),
      ...(inZone === undefined || inZone === '' ? {} : { zone: inZone }),
    };
  });
}
