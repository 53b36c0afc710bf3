import { getCluster, listInstances, listNodes } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { durationSchema } from '../config/duration-schema.ts';
import { drainNode } from '../engines/kubernetes/drain-node.ts';
import { nodeSelector, nodeTargetSpec } from '../targets/target-spec.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';

/**
 * A node is cordoned and emptied, as for its maintenance. The budget of the primary forbids its eviction until the
 * operator, which sees the cordon, has switched over. An instance whose volume is bound to the node waits, unscheduled,
 * until pods may run there again.
 */
export const nodeDrained = defineFault({
  name: 'node-drained',
  options: z.object({
    node: nodeTargetSpec.default({ nodeOf: 'primary' }),
    /** Whose pods are evicted: those of the cluster under test, or everybody's as `kubectl drain` does. */
    pods: z.enum(['cluster', 'all']).default('cluster'),
    /** Within which the node must be empty. By default an instance with sessions takes 3 min to shut down (`smartShutdownTimeout`). */
    within: durationSchema().prefault('5m'),
  }),
  target: ({ node }) => nodeSelector(node),
  engines: {
    kubernetes: ({ target, options }) => drainNode(target, { pods: options.pods, withinMs: options.within }),
  },
  unsupported: { 'chaos-mesh': 'it knows no nodes' },
  needs: { kubernetes: ['patch nodes cluster-wide', 'create pods/eviction'] },
  occupies: ({ targets }) => targets.map(({ name }) => `node ${name}`),
  evidence: {
    async effect({ kube, cluster, target }, signal) {
      const [nodes, instances] = await Promise.all([
        listNodes(kube, { signal }),
        listInstances(kube, cluster, { signal }),
      ]);
      const cordoned = nodes.find(({ metadata }) => metadata?.name === target.name)?.spec?.unschedulable === true;
      const left = instances.filter(({ pod }) => pod.node === target.name).map(({ name }) => name);
      const what = `node ${target.name} is ${cordoned ? '' : 'not '}cordoned; instances on it: ${left.join(', ') || 'none'}`;
      return { seen: cordoned && left.length === 0, what };
    },
    async healed({ kube, cluster, target }, signal) {
      const [nodes, { status, spec }] = await Promise.all([
        listNodes(kube, { signal }),
        getCluster(kube, cluster, { signal }),
      ]);
      const cordoned = nodes.find(({ metadata }) => metadata?.name === target.name)?.spec?.unschedulable === true;
      const ready = status?.readyInstances ?? 0;
      const what = `node ${target.name} is ${cordoned ? 'cordoned' : 'open'}; ${ready} of ${spec.instances} instances ready`;
      return { seen: !cordoned && ready === spec.instances, what };
    },
  },
});

/** Runs the body with a node drained; see `nodeDrained`. */
export const withNodeDrained = fixture(nodeDrained);
