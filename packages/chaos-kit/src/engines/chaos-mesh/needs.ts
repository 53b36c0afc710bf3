import { exec, ForbiddenError, type KubeClient } from '@cnpg-chaos/cnpg-utils';
import { missingRights } from '../access.ts';
import { agentEngine } from '../agent/agent-engine.ts';
import type { EngineContext, EngineProblem } from '../engine.ts';
import { faultKinds } from './chaos-object.ts';

const daemonName = 'chaos-daemon';
const dnsService = 'chaos-mesh-dns-server';

/**
 * Tried where the daemon runs, in a network namespace of its own that vanishes with the command: a kernel that can load
 * what is missing does so, and nothing else is touched.
 */
const features: Readonly<Record<string, { command: string; missing: string; remedy: string }>> = {
  netem: qdisc('netem', 'netem delay 1ms'),
  // What a fault with a target shapes by: it sorts packets into bands by their destination.
  prio: qdisc('prio', 'handle 1: prio'),
  tbf: qdisc('tbf', 'tbf rate 1mbit limit 20000 buffer 10000'),
  ipset: {
    command: 'unshare -n sh -c "ipset create probe hash:net && iptables -A INPUT -m set --match-set probe src -j DROP"',
    missing: 'the kernel has no ip_set, or iptables cannot match it',
    remedy: 'modprobe ip_set_hash_net xt_set',
  },
  'stress-ng': program('stress-ng'),
  toda: program('toda'),
};

/**
 * What Chaos Mesh needs besides its controller, in the words of its faults: a kind, `daemon`, a feature of the nodes, or
 * `agent` where it is our agent that looks whether the fault took effect.
 */
export const chaosMeshNeeds: readonly string[] = [
  ...faultKinds,
  'agent',
  'daemon',
  'dns-server',
  'io-opt-in',
  ...Object.keys(features),
];

function qdisc(name: string, spec: string) {
  return {
    command: `unshare -n tc qdisc add dev lo root ${spec}`,
    missing: `the kernel has no sch_${name}`,
    remedy: `modprobe sch_${name}, or install the kernel's extra modules`,
  };
}

function program(name: string) {
  return {
    command: `command -v ${name}`,
    missing: `the image of the daemon has no ${name}`,
    remedy: 'use the image that Chaos Mesh publishes',
  };
}

/** Which of the needs this cluster does not meet. Touches nothing. */
export async function unmetNeeds(
  context: EngineContext,
  signal: AbortSignal,
  needs: readonly string[],
): Promise<EngineProblem[]> {
  const unknown = needs.filter((need) => !chaosMeshNeeds.includes(need));
  if (unknown.length > 0) {
    return unknown.map((need) => ({ missing: `it has no ${need}`, remedy: 'use engine "kubernetes"' }));
  }
  const kinds = needs.filter((need) => faultKinds.some((kind) => kind === need));
  const problems = (await Promise.all(kinds.map((kind) => kindProblems(context, kind, signal)))).flat();
  if (needs.includes('agent')) {
    for (const { missing, remedy } of await agentEngine.preflight(context, signal, [])) {
      problems.push({ missing: `its effect is looked at by the agent: ${missing}`, remedy });
    }
  }
  if (needs.includes('io-opt-in') && context.chaosMesh.allowIOChaos !== true) {
    const missing = 'IOChaos tampers with the open files of a running PostgreSQL, and is not allowed';
    problems.push({ missing, remedy: 'use engine "agent", or set chaosMesh.allowIOChaos in chaos.config.ts' });
  }
  if (needs.includes('dns-server')) problems.push(...(await dnsProblems(context, signal)));
  const wanted = needs.filter((need) => need in features);
  if (problems.length > 0 || (wanted.length === 0 && !needs.includes('daemon'))) return problems;
  const daemons = await findDaemons(context, signal);
  if (daemons.problems.length > 0) return daemons.problems;
  const found = await Promise.all(
    daemons.pods.map((pod) => featureProblems(context.kube, context.chaosMesh.namespace, pod, wanted, signal)),
  );
  return summarize(found.flat());
}

async function kindProblems(context: EngineContext, kind: string, signal: AbortSignal): Promise<EngineProblem[]> {
  const resource = kind.toLowerCase();
  const name = `${resource}.chaos-mesh.org`;
  const ref = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', name };
  if ((await context.kube.find(ref, { signal })) === undefined) {
    return [{ missing: `CRD ${name} is not installed`, remedy: 'install Chaos Mesh with all its CRDs' }];
  }
  const namespace = context.chaosMesh.faultNamespace ?? context.cluster.namespace;
  const rights = ['create', 'get', 'patch', 'delete', 'list'].map((verb) => ({
    group: 'chaos-mesh.org',
    resource,
    verb,
    namespace,
  }));
  return missingRights(context.kube, rights, signal);
}

async function dnsProblems({ kube, chaosMesh }: EngineContext, signal: AbortSignal): Promise<EngineProblem[]> {
  const ref = { apiVersion: 'v1', kind: 'Service', namespace: chaosMesh.namespace, name: dnsService };
  if ((await kube.find(ref, { signal })) !== undefined) return [];
  const missing = `Service ${chaosMesh.namespace}/${dnsService} does not exist`;
  return [{ missing, remedy: 'install Chaos Mesh with dnsServer.create=true' }];
}

interface DaemonPod {
  readonly name: string;
  readonly node: string;
}

interface PodView {
  apiVersion: string;
  kind: string;
  metadata: { name: string; ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string }[] };
  spec?: { nodeName?: string; containers?: { args?: string[]; command?: string[] }[] };
  status?: { conditions?: { type: string; status: string }[] };
}

interface NodeView {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  status?: { nodeInfo?: { containerRuntimeVersion?: string } };
}

async function findDaemons(
  { kube, cluster, chaosMesh }: EngineContext,
  signal: AbortSignal,
): Promise<{ pods: DaemonPod[]; problems: EngineProblem[] }> {
  const { namespace } = chaosMesh;
  const [pods, nodes, targets] = await Promise.all([
    kube.list<PodView>({ apiVersion: 'v1', kind: 'Pod', namespace }, { signal }),
    kube.list<NodeView>({ apiVersion: 'v1', kind: 'Node' }, { signal }),
    kube.list<PodView>({ apiVersion: 'v1', kind: 'Pod', namespace: cluster.namespace }, { signal }),
  ]);
  const daemons = pods.filter(({ metadata }) =>
    (metadata.ownerReferences ?? []).some(({ kind, name }) => kind === 'DaemonSet' && name === daemonName),
  );
  // Only where something could be hit: a control-plane node usually has no daemon and needs none.
  const places = new Set(targets.flatMap(({ spec }) => (spec?.nodeName === undefined ? [] : [spec.nodeName])));
  const problems: EngineProblem[] = [];
  const ready: DaemonPod[] = [];
  for (const node of nodes.filter(({ metadata }) => places.has(metadata.name))) {
    const { name } = node.metadata;
    const daemon = daemons.find(({ spec }) => spec?.nodeName === name);
    if (daemon?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') !== true) {
      const missing = `node ${name} has no ready pod of DaemonSet ${namespace}/${daemonName}`;
      problems.push({ missing, remedy: `kubectl -n ${namespace} get pods -o wide` });
      continue;
    }
    const runtime = node.status?.nodeInfo?.containerRuntimeVersion?.split(':')[0] ?? '';
    const told = runtimeOf(daemon);
    if (runtime !== '' && runtime !== told) {
      const missing = `the daemon on node ${name} is set up for ${told}, but the node runs ${runtime}`;
      problems.push({ missing, remedy: 'set chaosDaemon.runtime and chaosDaemon.socketPath of the chart' });
      continue;
    }
    ready.push({ name: daemon.metadata.name, node: name });
  }
  return { pods: ready, problems };
}

function runtimeOf(daemon: PodView): string {
  const [container] = daemon.spec?.containers ?? [];
  const words = [...(container?.command ?? []), ...(container?.args ?? [])].flatMap((word) => word.split('='));
  const at = words.indexOf('--runtime');
  const told = at === -1 ? 'docker' : (words[at + 1] ?? 'docker');
  return told === 'crio' ? 'cri-o' : told;
}

async function featureProblems(
  kube: KubeClient,
  namespace: string,
  pod: DaemonPod,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<(EngineProblem & { node: string })[]> {
  const problems: (EngineProblem & { node: string })[] = [];
  for (const name of wanted) {
    const feature = features[name];
    if (feature === undefined) continue;
    try {
      const target = { namespace, pod: pod.name, container: daemonName };
      const { exitCode } = await exec(kube, target, ['sh', '-c', feature.command], { signal });
      if (exitCode !== 0) problems.push({ missing: feature.missing, remedy: feature.remedy, node: pod.node });
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error;
      const missing = `no right to look whether the nodes can do it (create pods/exec in namespace ${namespace})`;
      problems.push({ missing, remedy: `kubectl -n ${namespace} create role …`, node: pod.node });
      break;
    }
  }
  return problems;
}

// The same on three nodes is one problem.
function summarize(found: readonly (EngineProblem & { node: string })[]): EngineProblem[] {
  const texts = [...new Set(found.map(({ missing }) => missing))];
  return texts.map((missing) => {
    const same = found.filter((problem) => problem.missing === missing);
    const nodes = same.map(({ node }) => node).join(', ');
    return { missing: `${missing} (node ${nodes})`, remedy: same[0]?.remedy ?? '' };
  });
}
