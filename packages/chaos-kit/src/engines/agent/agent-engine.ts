import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { missingRights } from '../access.ts';
import type { Engine, EngineContext, EngineProblem, Leftover } from '../engine.ts';
import { faultOf, removeFault, removeFaultStep } from './agent-fault.ts';
import { type AgentPod, agentNamespace, agentPods, agentProtocol, runAgent } from './agent-pods.ts';
import { agentFaults } from './listed-faults.ts';

const install = 'npx chaos-lab up, or kubectl apply -f fixtures/agent/agent.yaml';

/**
 * The engine that works on the nodes: a privileged pod per node, told by exec what to do. Everything it starts ends by
 * itself on the node, without the API server.
 */
export const agentEngine: Engine = {
  name: 'agent',
  preflight: findProblems,
  undo: (entry, context, signal) => removeFault(context, faultOf(entry), signal),
  manualCommand(entry) {
    const { node, id } = faultOf(entry);
    const pod = `$(kubectl -n ${agentNamespace} get pod -l app.kubernetes.io/name=cnpg-chaos-agent --field-selector spec.nodeName=${node} -o name)`;
    return `kubectl -n ${agentNamespace} exec ${pod} -- cnpg-chaos-agent remove ${id}`;
  },
  leftovers,
};

/** A need is a word of the agent's `features`. */
async function findProblems(
  { kube }: EngineContext,
  signal: AbortSignal,
  needs: readonly string[],
): Promise<readonly EngineProblem[]> {
  const rights = [
    { group: '', resource: 'pods', verb: 'list', namespace: agentNamespace },
    { group: '', resource: 'pods/exec', verb: 'create', namespace: agentNamespace },
  ];
  const lacking = await missingRights(kube, rights, signal);
  if (lacking.length > 0) return lacking;
  const pods = await agentPods(kube, signal);
  if (pods.length === 0) {
    return [{ missing: `no agent pods in namespace ${agentNamespace}`, remedy: install }];
  }
  const sleeping = pods.filter(({ ready }) => !ready).map(({ node }) => node);
  if (sleeping.length > 0) {
    return [
      { missing: `agent not ready on node ${sleeping.join(', ')}`, remedy: `look at its pods in ${agentNamespace}` },
    ];
  }
  return (await Promise.all(pods.map((pod) => nodeProblems(kube, pod, needs, signal)))).flat();
}

async function nodeProblems(
  kube: KubeClient,
  { node }: AgentPod,
  needs: readonly string[],
  signal: AbortSignal,
): Promise<readonly EngineProblem[]> {
  const protocol = (await runAgent(kube, node, ['version'], { signal })).trim();
  if (protocol !== agentProtocol) {
    const missing = `the agent on node ${node} speaks protocol ${protocol}, expected ${agentProtocol}`;
    return [{ missing, remedy: install }];
  }
  if (needs.length === 0) return [];
  const features = (await runAgent(kube, node, ['features'], { signal })).split('\n');
  return needs
    .filter((need) => !features.includes(need))
    .map((need) => ({
      missing: `node ${node} cannot do "${need}"`,
      remedy: featureRemedies[need] ?? 'use another node',
    }));
}

// what a feature needs of the kernel
const featureRemedies: Readonly<Record<string, string>> = {
  cut: 'its kernel needs nf_tables with reject and numgen',
  delay: 'its kernel needs nfnetlink_queue and the NFQUEUE target',
  freeze: 'its kernel needs the freezer of control groups',
  throttle: 'its kernel needs limits of block devices per control group',
  shape: 'its kernel needs sch_htb and cls_u32',
};

/** Every agent is asked: what is there may be of pods that are gone. */
async function leftovers(context: Pick<EngineContext, 'kube'>, signal: AbortSignal): Promise<readonly Leftover[]> {
  const found = await agentFaults(context.kube, signal);
  return found.map(({ node, id, family, what, runId }): Leftover => ({
    what: `${family} ${id} on node ${node}: ${what}`,
    undo: removeFaultStep(node, id),
    runId,
  }));
}
