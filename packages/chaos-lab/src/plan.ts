import type { LabContainer } from './docker.ts';
import type { LabRecord } from './state-dir.ts';
import type { Topology } from './topology.ts';

/** What to do with the containers of a lab. */
export interface NodePlan {
  /** Containers to remove, each with the reason in words. */
  remove: { container: string; reason: string }[];
  /** Nodes to make, by node name. */
  create: string[];
  /** Nodes whose container is right but does not run. */
  start: string[];
  /** Nodes whose container is paused. */
  unpause: string[];
  /** Nodes that run already. */
  keep: string[];
  /** True when the cluster's state (etcd) is not kept. */
  fresh: boolean;
}

/** Input of {@link planNodes}. */
export interface PlanInput {
  topology: Topology;
  containers: readonly LabContainer[];
  record: LabRecord | undefined;
  /** Key of what each node should be made of, by node name. */
  keys: Record<string, string>;
}

/**
 * Decides per node: keep, start, or make anew. A container that the record does not call complete is half a node and is
 * made anew. When the control plane must be made anew the whole lab is, since its state is gone; a worker made of other
 * parts also means a fresh lab, since mixed nodes are no lab that anybody asked for and its volumes would be lost anyway.
 */
export function planNodes({ topology, containers, record, keys }: PlanInput): NodePlan {
  const byName = new Map(containers.map((container) => [container.name, container]));
  const remove: NodePlan['remove'] = [];
  const verdicts = topology.nodes.map((node) => {
    const container = byName.get(node.container);
    const recorded = record?.nodes[node.name];
    if (!container) return { node, state: 'absent' as const };
    if (recorded?.containerId !== container.id) return { node, container, state: 'incomplete' as const };
    if (container.nodeKey !== keys[node.name]) return { node, container, state: 'outdated' as const };
    return { node, container, state: 'right' as const };
  });
  for (const container of containers) {
    if (!topology.nodes.some((node) => node.container === container.name)) {
      remove.push({ container: container.name, reason: 'not a node of this lab' });
    }
  }
  const controlPlaneLost = verdicts.some(
    ({ node, state }) => node.role === 'control-plane' && (state === 'absent' || state === 'incomplete'),
  );
  const outdated = verdicts.filter(({ state }) => state === 'outdated');
  const fresh = controlPlaneLost || outdated.length > 0;
  const plan: NodePlan = { remove, create: [], start: [], unpause: [], keep: [], fresh };
  for (const { node, container, state } of verdicts) {
    if (fresh || state === 'absent' || state === 'incomplete') {
      plan.create.push(node.name);
      if (container) {
        const reason =
          state === 'incomplete'
            ? 'was left incomplete'
            : outdated.length > 0
              ? `made of other parts (${outdated.map((one) => one.node.name).join(', ')})`
              : 'the control plane is made anew';
        remove.push({ container: container.name, reason });
      }
    } else if (!container.running) plan.start.push(node.name);
    else if (!container.responsive) plan.unpause.push(node.name);
    else plan.keep.push(node.name);
  }
  return plan;
}
