import { listNodes } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { taintNode } from '../engines/kubernetes/edits.ts';
import { nodeSelector, nodeTargetSpec } from '../targets/target-spec.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';

const key = 'cnpg-chaos/closed';

/**
 * No new pod starts on a node; those that run there go on. With volumes that are bound to the node, an instance that is
 * deleted while its node is closed stays away. Unlike a cordon it is not taken for a maintenance: the operator does not
 * move the primary away.
 */
export const nodeClosed = defineFault({
  name: 'node-closed',
  options: z.object({ target: nodeTargetSpec.default({ nodeOf: 'primary' }) }),
  target: ({ target }) => nodeSelector(target),
  engines: { kubernetes: ({ target }) => taintNode(target, { key, effect: 'NoSchedule' }) },
  unsupported: { 'chaos-mesh': 'it knows no nodes' },
  needs: { kubernetes: ['patch nodes cluster-wide'] },
  occupies: ({ targets }) => targets.map(({ name }) => `taint of node ${name}`),
  evidence: {
    effect: async ({ kube, target }, signal) => {
      const closed = await isClosed(kube, target.name, signal);
      return { seen: closed, what: `node ${target.name} is ${closed ? 'closed' : 'open'}` };
    },
    healed: async ({ kube, target }, signal) => {
      const closed = await isClosed(kube, target.name, signal);
      return { seen: !closed, what: `node ${target.name} is ${closed ? 'closed' : 'open'}` };
    },
  },
});

/** Runs the body with a node closed; see `nodeClosed`. */
export const withNodeClosed = fixture(nodeClosed);

async function isClosed(kube: Parameters<typeof listNodes>[0], name: string, signal: AbortSignal): Promise<boolean> {
  const nodes = await listNodes(kube, { signal });
  const taints = nodes.find(({ metadata }) => metadata?.name === name)?.spec?.taints ?? [];
  return taints.some((taint) => taint.key === key);
}
