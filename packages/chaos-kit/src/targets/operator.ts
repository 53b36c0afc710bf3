import { type KubeClient, operatorLeader as leaderOf, operatorStatus } from '@cnpg-chaos/cnpg-utils';
import {
  type DeploymentTarget,
  type PodTarget,
  TargetError,
  type TargetContext,
  type TargetSelector,
} from './target.ts';

/** Every pod of the CloudNativePG operator that is not on its way out. */
export function operator(): TargetSelector<PodTarget> {
  return {
    description: 'operator',
    async resolve(context, signal) {
      const pods = await operatorPods('operator', context, signal);
      if (pods.length === 0) {
        throw new TargetError(`operator: it has no pod in namespace ${context.operatorNamespace}`);
      }
      return pods;
    },
  };
}

/** The operator's pod that holds its Lease, and so is the one that acts. */
export function operatorLeader(): TargetSelector<PodTarget> {
  return {
    description: 'operator leader',
    async resolve(context, signal) {
      const { kube, operatorNamespace: namespace } = context;
      const leader = await leaderOf(kube, { namespace, signal });
      if (leader === undefined)
        throw new TargetError(`operator leader: nobody holds the operator's Lease in ${namespace}`);
      const pods = await operatorPods('operator leader', context, signal);
      const found = pods.find(({ name }) => name === leader.pod);
      if (found === undefined) {
        const names = pods.map(({ name }) => name).join(', ') || 'none';
        throw new TargetError(
          `operator leader: the Lease is held by ${leader.identity}, which is no pod any more; pods: ${names}`,
        );
      }
      return [found];
    },
  };
}

/** The operator's Deployment. */
export function operatorDeployment(): TargetSelector<DeploymentTarget> {
  return {
    description: 'operator Deployment',
    async resolve({ kube, operatorNamespace }, signal) {
      const { namespace, deployment: name } = await operatorStatus(kube, { namespace: operatorNamespace, signal });
      const found = await kube.get({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name }, { signal });
      return [{ kind: 'deployment', role: 'operator', namespace, name, uid: found.metadata?.uid ?? '' }];
    },
  };
}

async function operatorPods(role: string, context: TargetContext, signal: AbortSignal): Promise<PodTarget[]> {
  const { kube, operatorNamespace } = context;
  const { namespace, pods } = await operatorStatus(kube, { namespace: operatorNamespace, signal });
  const living = pods.filter(({ terminating }) => !terminating);
  return Promise.all(living.map(({ name, uid }) => placedPod(kube, { role, namespace, name, uid }, signal)));
}

interface PlacedPod {
  apiVersion: string;
  kind: string;
  metadata: { name: string; uid: string };
  spec?: { nodeName?: string };
  status?: { podIP?: string };
}

async function placedPod(kube: KubeClient, pod: Omit<PodTarget, 'kind'>, signal: AbortSignal): Promise<PodTarget> {
  const { namespace, name } = pod;
  const found = await kube.find<PlacedPod>({ apiVersion: 'v1', kind: 'Pod', namespace, name }, { signal });
  const ip = found?.status?.podIP;
  const node = found?.spec?.nodeName;
  return { ...pod, kind: 'pod', ...(ip === undefined ? {} : { ip }), ...(node === undefined ? {} : { node }) };
}
