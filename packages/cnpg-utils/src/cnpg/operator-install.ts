import type { KubernetesObject } from '@kubernetes/client-node';
import { execOk } from '../kube/exec.ts';
import type { KubeClient } from '../kube/client.ts';
import { applyManifests, onlyOfKind, type Manifest } from '../kube/yaml.ts';
import type { CallOptions } from '../kube/refs.ts';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import { restartOperator, type OperatorWaitOptions } from './operator-control.ts';
import { OperatorNotFoundError, operatorStatus, waitForOperatorReady, type OperatorStatus } from './operator.ts';

/** ConfigMap in the operator's namespace from which it takes its settings. Source: the release manifest of 1.30. */
export const OPERATOR_CONFIG = 'cnpg-controller-manager-config';

/** Options of {@link installOperator}. */
export interface InstallOperatorOptions extends Omit<OperatorWaitOptions, 'namespace'> {
  /** Replace the operator's image, for a registry of one's own. */
  image?: string;
}

/**
 * Installs the operator from its release manifest, or changes the one that is there to it: an upgrade. Applies everything,
 * and waits until the kinds are known, the operator may do what it must, only pods of the new shape are left, and its
 * webhook answers.
 *
 * @param manifests from `readManifests`; exactly one Deployment must be among them
 * @param options.timeoutMs of each wait. @default 120000 (`timeouts.operatorIsReady`)
 * @throws WrongKindError; KubeError of what is refused; WaitTimeoutError
 */
export async function installOperator(
  kube: KubeClient,
  manifests: readonly Manifest[],
  options: InstallOperatorOptions = {},
): Promise<OperatorStatus> {
  const { image, ...rest } = options;
  const deployment = onlyOfKind(manifests, 'Deployment', 'the manifest of the operator');
  const namespace = deployment.metadata.namespace ?? 'cnpg-system';
  const wait = { ...rest, timeoutMs: rest.timeoutMs ?? timeouts.operatorIsReady };
  const call: CallOptions = wait.signal === undefined ? {} : { signal: wait.signal };
  const wanted = manifests.map((manifest) =>
    image === undefined || manifest !== deployment ? manifest : withImage(manifest, image),
  );
  // What others rest on comes first, whatever the order in the file.
  const rank = ({ kind }: Manifest) => (kind === 'Namespace' ? 0 : kind === 'CustomResourceDefinition' ? 1 : 2);
  await applyManifests(
    kube,
    wanted.toSorted((a, b) => rank(a) - rank(b)),
    { namespace, ...call },
  );
  await waitForKinds(kube, manifests, wait);
  const account = accountOf(deployment);
  if (account !== undefined) await waitForPermission(kube, `system:serviceaccount:${namespace}:${account}`, wait);
  await waitForRollout(kube, namespace, deployment.metadata.name ?? '', wait);
  return await waitForOperatorReady(kube, { ...wait, namespace });
}

/**
 * Changes settings of the operator, such as `{ ENABLE_INSTANCE_MANAGER_INPLACE_UPDATES: 'true' }`, and restarts it, since
 * it reads them only when it starts. Settings that are not named stay.
 *
 * @throws OperatorNotFoundError, WaitTimeoutError
 */
export async function configureOperator(
  kube: KubeClient,
  settings: Readonly<Record<string, string | null>>,
  options: OperatorWaitOptions = {},
): Promise<OperatorStatus> {
  const call: CallOptions = options.signal === undefined ? {} : { signal: options.signal };
  const place = options.namespace === undefined ? {} : { namespace: options.namespace };
  const { namespace } = await operatorStatus(kube, { ...call, ...place });
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: OPERATOR_CONFIG };
  if ((await kube.find(ref, call)) === undefined) {
    await kube.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: OPERATOR_CONFIG } }, call);
  }
  await kube.patch(ref, { data: settings }, call);
  return await restartOperator(kube, { ...options, namespace });
}

/**
 * Processor architectures for which the operator has an instance manager, such as `['amd64']`.
 *
 * @throws OperatorNotFoundError when none of its pods is ready; ExecError and KubeError as `exec`
 */
export async function operatorArchitectures(kube: KubeClient, options: OperatorWaitOptions = {}): Promise<string[]> {
  const call: CallOptions = options.signal === undefined ? {} : { signal: options.signal };
  const place = options.namespace === undefined ? {} : { namespace: options.namespace };
  const { namespace, deployment, pods } = await operatorStatus(kube, { ...call, ...place });
  const pod = pods.find(({ ready, terminating }) => ready && !terminating);
  if (pod === undefined) {
    throw new OperatorNotFoundError(`The operator ${namespace}/${deployment} has no ready pod to ask`);
  }
  const { stdout } = await execOk(
    kube,
    { namespace, pod: pod.name },
    ['/manager', 'debug', 'show-architectures'],
    call,
  );
  return JSON.parse(stdout) as string[];
}

interface Wait extends Omit<OperatorWaitOptions, 'namespace'> {
  timeoutMs: number;
}

async function waitForKinds(kube: KubeClient, manifests: readonly Manifest[], wait: Wait): Promise<void> {
  const names = manifests
    .filter(({ kind }) => kind === 'CustomResourceDefinition')
    .map(({ metadata }) => metadata.name ?? '');
  await waitFor(
    `${names.length} kinds to be known`,
    async (signal, probe) => {
      const states = await Promise.all(names.map(async (name) => [name, await isEstablished(kube, name, signal)]));
      const missing = states.flatMap(([name, established]) => (established === true ? [] : [String(name)]));
      probe.observe(`not established: ${missing.join(', ')}`);
      return missing.length === 0 ? true : undefined;
    },
    { ...wait, intervalMs: 500 },
  );
}

type WithConditions = KubernetesObject & { status?: { conditions?: { type: string; status: string }[] } };

async function isEstablished(kube: KubeClient, name: string, signal: AbortSignal): Promise<boolean> {
  const ref = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', name };
  const { status } = await kube.get<WithConditions>(ref, { signal });
  return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') === true;
}

// A role that was just bound is not in force at once. An owner reference that blocks deletion is what the operator trips over.
async function waitForPermission(kube: KubeClient, user: string, wait: Wait): Promise<void> {
  const needs = [
    { verb: 'create', group: '', resource: 'configmaps' },
    { verb: 'update', group: 'postgresql.cnpg.io', resource: 'clusters', subresource: 'finalizers' },
  ];
  await waitFor(
    `${user} to be allowed to work`,
    async (signal, probe) => {
      for (const resourceAttributes of needs) {
        const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview' };
        const object = { ...review, metadata: {}, spec: { user, resourceAttributes } };
        const { status } = await kube.create<KubernetesObject & { status?: { allowed?: boolean } }>(object, { signal });
        if (status?.allowed === true) continue;
        probe.observe(`not allowed to ${resourceAttributes.verb} ${resourceAttributes.resource}`);
        return undefined;
      }
      return true;
    },
    { ...wait, intervalMs: 500 },
  );
}

async function waitForRollout(kube: KubeClient, namespace: string, name: string, wait: Wait): Promise<void> {
  await waitFor(
    `Deployment ${namespace}/${name} to be rolled out`,
    async (signal, probe) => {
      const { problems, pods, replicas } = await operatorStatus(kube, { namespace, signal });
      if (problems.length === 0 && pods.length === replicas.wanted) return true;
      probe.observe([...problems, `${pods.length} pods, ${replicas.wanted} are wanted`].join('; '));
      return undefined;
    },
    { ...wait, intervalMs: 500 },
  );
}

interface PodTemplate {
  spec?: { template?: { spec?: { serviceAccountName?: string; containers?: { image?: string }[] } } };
}

function accountOf(deployment: Manifest): string | undefined {
  return (deployment as PodTemplate).spec?.template?.spec?.serviceAccountName;
}

function withImage(deployment: Manifest, image: string): Manifest {
  const copy = structuredClone(deployment) as Manifest & PodTemplate;
  for (const container of copy.spec?.template?.spec?.containers ?? []) {
    Object.assign(container, { image, imagePullPolicy: 'IfNotPresent' });
  }
  return copy;
}
