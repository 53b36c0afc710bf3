import type { V1Deployment, V1Pod } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { execOk } from '../kube/exec.ts';
import type { CallOptions } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { ClusterWaitOptions } from './cluster.ts';
import { labels } from './constants.ts';
import { crashLoops, isPodReady, isPodTerminating, podRestarts, podTrouble } from './pod-state.ts';
import { probeWebhook } from './webhooks.ts';

/** Where to look for the operator. */
export interface OperatorOptions extends CallOptions {
  /** @default all namespaces */
  namespace?: string;
}

/** One pod of the operator. */
export interface OperatorPod {
  name: string;
  uid: string;
  ready: boolean;
  terminating: boolean;
  restarts: number;
}

/** State of the operator. */
export interface OperatorStatus {
  /** Its Deployment is up to date and all wanted replicas are available. */
  ready: boolean;
  /** What is missing, as sentences. */
  problems: string[];
  namespace: string;
  deployment: string;
  image: string;
  /** From the image's tag; undefined when it says none. See {@link operatorVersion}. */
  version?: string;
  replicas: { wanted: number; available: number };
  pods: OperatorPod[];
}

/** There is no operator, or more than one. */
export class OperatorNotFoundError extends Error {
  override readonly name = 'OperatorNotFoundError';
  readonly code = 'CNPG_OPERATOR_NOT_FOUND';
}

const OPERATOR_NAME = 'cloudnative-pg';

/**
 * State of the operator's Deployment and pods.
 *
 * @throws OperatorNotFoundError
 */
export async function operatorStatus(kube: KubeClient, options: OperatorOptions = {}): Promise<OperatorStatus> {
  const { namespace, ...call } = options;
  const place = namespace === undefined ? {} : { namespace };
  const selection = { labelSelector: `${labels.appName}=${OPERATOR_NAME}`, ...call };
  const [deployments, allPods] = await Promise.all([
    kube.list<V1Deployment>({ apiVersion: 'apps/v1', kind: 'Deployment', ...place }, selection),
    kube.list<V1Pod>({ apiVersion: 'v1', kind: 'Pod', ...place }, selection),
  ]);
  const [deployment, another] = deployments;
  if (deployment === undefined) {
    throw new OperatorNotFoundError(
      `No CloudNativePG operator found: no Deployment with label ${labels.appName}=${OPERATOR_NAME} in ` +
        `${namespace === undefined ? 'any namespace' : `namespace ${namespace}`}. Install CloudNativePG first.`,
    );
  }
  if (another !== undefined) {
    const found = deployments
      .map(({ metadata }) => `${metadata?.namespace ?? '?'}/${metadata?.name ?? '?'}`)
      .join(', ');
    throw new OperatorNotFoundError(`More than one CloudNativePG operator found (${found}): name its namespace`);
  }
  return statusOf(
    deployment,
    allPods.filter((pod) => pod.metadata?.namespace === deployment.metadata?.namespace),
  );
}

/**
 * Waits until the operator is ready and, unless told otherwise, its webhook answers.
 *
 * @param options.timeoutMs @default 120000
 * @param options.webhook @default true
 * @throws WaitTimeoutError, OperatorNotFoundError
 */
export async function waitForOperatorReady(
  kube: KubeClient,
  options: ClusterWaitOptions & { namespace?: string; webhook?: boolean } = {},
): Promise<OperatorStatus> {
  const { namespace, webhook = true, ...wait } = options;
  return await waitFor(
    `the CloudNativePG operator${webhook ? ' and its webhook' : ''}`,
    async (signal, probe) => {
      const status = await operatorStatus(kube, { signal, ...(namespace === undefined ? {} : { namespace }) });
      if (!status.ready) {
        probe.observe(status.problems.join('; '));
        return undefined;
      }
      const answer = webhook ? await probeWebhook(kube, { signal, timeoutMs: 12_000 }) : { answers: true };
      if (answer.answers) return status;
      probe.observe(answer.problem ?? 'the webhook does not answer');
      return undefined;
    },
    { ...wait, timeoutMs: wait.timeoutMs ?? timeouts.operatorIsReady },
  );
}

/**
 * Version of the operator, asked from its own binary, such as `1.30.0`. Works whatever its image is called.
 *
 * @throws OperatorNotFoundError when there is no operator or none of its pods is ready; ExecError and KubeError as `exec`
 */
export async function operatorVersion(kube: KubeClient, options: OperatorOptions = {}): Promise<string> {
  const { namespace, deployment, pods } = await operatorStatus(kube, options);
  const pod = pods.find(({ ready, terminating }) => ready && !terminating);
  if (pod === undefined)
    throw new OperatorNotFoundError(`The operator ${namespace}/${deployment} has no ready pod to ask`);
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const { stdout } = await execOk(kube, { namespace, pod: pod.name }, ['/manager', 'version'], call);
  const version = /Version:\s*(?<version>\d+\.\d+\.\d+[^\s,}]*)/.exec(stdout)?.groups?.['version'];
  if (version === undefined)
    throw new OperatorNotFoundError(`The operator names no version: ${stdout.trim().slice(0, 200)}`);
  return version;
}

/** Health of the operator, as sentences; empty when all is well. Being absent is a problem, not an error. */
export async function operatorProblems(kube: KubeClient, options: OperatorOptions = {}): Promise<string[]> {
  try {
    return (await operatorStatus(kube, options)).problems;
  } catch (error) {
    if (error instanceof OperatorNotFoundError) return [error.message];
    throw error;
  }
}

function statusOf(deployment: V1Deployment, pods: V1Pod[]): OperatorStatus {
  const { metadata, spec, status } = deployment;
  const wanted = spec?.replicas ?? 1;
  const available = status?.availableReplicas ?? 0;
  const where = `${metadata?.namespace ?? '?'}/${metadata?.name ?? '?'}`;
  const problems: string[] = [];
  if (wanted === 0) problems.push(`the operator ${where} is scaled to 0`);
  if ((status?.observedGeneration ?? 0) < (metadata?.generation ?? 0)) {
    problems.push(`the operator ${where} has a change that is not rolled out yet`);
  } else if ((status?.updatedReplicas ?? 0) < wanted) {
    problems.push(`the operator ${where} has ${status?.updatedReplicas ?? 0} of ${wanted} replicas up to date`);
  }
  if (available < wanted) problems.push(`the operator ${where} has ${available} of ${wanted} replicas available`);
  for (const pod of pods) {
    const loops = crashLoops(pod);
    if (loops.length > 0) problems.push(...loops);
    else if (available < wanted) problems.push(...podTrouble(pod));
  }
  const image = spec?.template.spec?.containers[0]?.image ?? '';
  const version = versionOf(image);
  return {
    ready: problems.length === 0,
    problems,
    namespace: metadata?.namespace ?? '',
    deployment: metadata?.name ?? '',
    image,
    ...(version === undefined ? {} : { version }),
    replicas: { wanted, available },
    pods: pods.map((pod) => ({
      name: pod.metadata?.name ?? '',
      uid: pod.metadata?.uid ?? '',
      ready: isPodReady(pod),
      terminating: isPodTerminating(pod),
      restarts: podRestarts(pod),
    })),
  };
}

function versionOf(image: string): string | undefined {
  return /:v?(?<version>\d+\.\d+\.\d+[^@]*)/.exec(image)?.groups?.['version'];
}
