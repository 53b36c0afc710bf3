import {
  exec,
  ExecError,
  type ExecResult,
  isTransientKubeError,
  type KubeClient,
  NotFoundError,
} from '@cnpg-chaos/cnpg-utils';
import { EngineError } from '../engine-error.ts';

/** Namespace of the agent's DaemonSet. */
export const agentNamespace = 'cnpg-chaos';
/** What the agent answers to `version`; another number means another way to talk. */
export const agentProtocol = '1';

/** An agent pod. */
export interface AgentPod {
  readonly name: string;
  readonly node: string;
  readonly ip: string | undefined;
  readonly ready: boolean;
}

interface PodView {
  apiVersion: string;
  kind: string;
  metadata: { name: string; deletionTimestamp?: Date };
  spec?: { nodeName?: string };
  status?: { podIP?: string; conditions?: { type: string; status: string }[] };
}

const labelSelector = 'app.kubernetes.io/name=cnpg-chaos-agent';

/** The agent pods by node; one that is on its way out does not count. */
export async function agentPods(kube: KubeClient, signal: AbortSignal): Promise<readonly AgentPod[]> {
  const pods = await kube.list<PodView>(
    { apiVersion: 'v1', kind: 'Pod', namespace: agentNamespace },
    { labelSelector, signal },
  );
  return pods
    .filter(({ metadata, spec }) => metadata.deletionTimestamp === undefined && spec?.nodeName !== undefined)
    .map(({ metadata, spec, status }) => ({
      name: metadata.name,
      node: spec?.nodeName ?? '',
      ip: status?.podIP,
      ready: status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
    }))
    .toSorted((a, b) => a.node.localeCompare(b.node));
}

/** Options of `runAgent`. */
export interface RunAgentOptions {
  readonly signal: AbortSignal;
  /** Limit of the call in milliseconds. @default 30000 */
  readonly timeoutMs?: number;
}

/** No agent runs on the node, for now or at all. Nothing was done. */
export class AgentMissingError extends EngineError {}

/**
 * Runs a verb of the agent on a node and gives what it said.
 *
 * @throws AgentMissingError when no agent is there
 * @throws EngineError with the agent's own words when it refuses
 * @throws ExecError and KubeError as `exec`: the verb may have been carried out nevertheless
 */
export async function runAgent(
  kube: KubeClient,
  node: string,
  verb: readonly string[],
  options: RunAgentOptions,
): Promise<string> {
  const pods = await agentPods(kube, options.signal);
  const pod = pods.find((one) => one.node === node && one.ready) ?? pods.find((one) => one.node === node);
  if (pod === undefined) {
    const nodes = pods.map((one) => one.node).join(', ') || 'no node';
    throw new AgentMissingError('agent', `no agent pod on node ${node}; there are some on ${nodes}`);
  }
  const target = { namespace: agentNamespace, pod: pod.name, container: 'agent' };
  const result = await exec(kube, target, ['cnpg-chaos-agent', ...verb], {
    signal: options.signal,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  return answerOf(node, verb, result);
}

/** @throws EngineError with the agent's own words when it refused */
export function answerOf(node: string, verb: readonly string[], result: ExecResult): string {
  if (result.exitCode === 0) return result.stdout;
  const why = result.stderr.trim() || `exit code ${result.exitCode}`;
  throw new EngineError('agent', `on node ${node}, ${verb.slice(0, 2).join(' ')}: ${why}`);
}

/** The call may work when it is made again: API server, node or agent are away, or the agent's pod is being replaced. */
export function mayPass(error: unknown): boolean {
  if (error instanceof AgentMissingError || error instanceof NotFoundError) return true;
  return isTransientKubeError(error) || error instanceof ExecError;
}
