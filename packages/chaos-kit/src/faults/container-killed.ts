import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { podChaos } from '../engines/chaos-mesh/pod-chaos.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { type PodTarget, TargetError, type TargetSelector } from '../targets/target.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import type { Observation } from './observation.ts';

/** A container as it was when the fault fired. */
interface ContainerTarget extends PodTarget {
  readonly container: string;
  readonly containerId: string;
  readonly restarts: number;
}

/**
 * A container of an instance is killed (SIGKILL to its process 1, the instance manager, and so to all of PostgreSQL). Its
 * pod, volumes and address stay, and the kubelet starts it again: at once the first time, after a growing back-off when
 * it was restarted in the last ten minutes. The primary often is back before anybody fails over.
 */
export const containerKilled = defineFault({
  name: 'container-killed',
  options: z.object({
    target: podTargetSpec.default('primary'),
    container: z
      .string()
      .min(1, { error: () => 'the name of a container' })
      .default('postgres'),
  }),
  target: ({ target, container }) => containersOf(podSelector(target), container),
  maxTargets: 5,
  engines: {
    'chaos-mesh': ({ targets, options }) =>
      podChaos({ action: 'container-kill', targets, containerNames: [options.container] }),
  },
  unsupported: {
    kubernetes: 'the kernel shields process 1 of a container from signals that are sent inside of it',
  },
  needs: { 'chaos-mesh': ['PodChaos', 'daemon'] },
  occupies: ({ targets }) => targets.map(({ uid }) => `pod ${uid}`),
  evidence: {
    effect: async ({ kube, targets }, signal) => {
      const looks = await Promise.all(
        targets.map(async (target) => judgeEnded(target, await find(kube, target, signal))),
      );
      return { seen: looks.every(({ seen }) => seen), what: looks.map(({ what }) => what).join('; ') };
    },
    healed: async ({ kube, targets }, signal) => {
      const looks = await Promise.all(
        targets.map(async (target) => judgeBack(target, await find(kube, target, signal))),
      );
      return { seen: looks.every(({ seen }) => seen), what: looks.map(({ what }) => what).join('; ') };
    },
    healedWithin: '6m',
  },
});

interface PodView {
  apiVersion: string;
  kind: string;
  metadata: { name: string; uid: string };
  status?: {
    containerStatuses?: {
      name: string;
      ready: boolean;
      restartCount: number;
      containerID?: string;
      state?: { running?: object; waiting?: { reason?: string }; terminated?: { exitCode: number } };
    }[];
  };
}

function containersOf(pods: TargetSelector<PodTarget>, container: string): TargetSelector<ContainerTarget> {
  return {
    description: `container ${container} of ${pods.description}`,
    async resolve(context, signal) {
      const found = await pods.resolve(context, signal);
      return Promise.all(
        found.map(async (pod) => {
          const statuses = (await find(context.kube, pod, signal))?.status?.containerStatuses ?? [];
          const status = statuses.find(({ name }) => name === container);
          if (status?.containerID === undefined || status.state?.running === undefined) {
            const names = statuses.map(({ name }) => name).join(', ') || 'none';
            throw new TargetError(
              `container: got ${JSON.stringify(container)}, which does not run in pod ${pod.namespace}/${pod.name}; its containers: ${names}`,
            );
          }
          return { ...pod, container, containerId: status.containerID, restarts: status.restartCount };
        }),
      );
    },
  };
}

/** The container that was chosen does not run any more. */
export function judgeEnded(target: ContainerTarget, found: PodView | undefined): Observation {
  const what = `container ${target.container} of ${target.namespace}/${target.name}`;
  if (found === undefined || found.metadata.uid !== target.uid)
    return { seen: true, what: `${what} is gone with its pod` };
  const status = found.status?.containerStatuses?.find(({ name }) => name === target.container);
  const { state, restartCount = target.restarts, containerID } = status ?? {};
  if (state?.terminated !== undefined)
    return { seen: true, what: `${what} ended with exit code ${state.terminated.exitCode}` };
  if (state?.waiting !== undefined) return { seen: true, what: `${what} waits: ${state.waiting.reason ?? '?'}` };
  if (containerID !== target.containerId || restartCount > target.restarts) {
    return { seen: true, what: `${what} was restarted (${restartCount} restarts, ${target.restarts} before)` };
  }
  return { seen: false, what: `${what} is still the same (${restartCount} restarts)` };
}

/** Another container of that name runs and is ready. */
export function judgeBack(target: ContainerTarget, found: PodView | undefined): Observation {
  const what = `container ${target.container} of ${target.namespace}/${target.name}`;
  const status = found?.status?.containerStatuses?.find(({ name }) => name === target.container);
  if (status === undefined) return { seen: false, what: `${what} is not there` };
  const why = status.state?.waiting?.reason;
  if (!status.ready) return { seen: false, what: `${what} is not ready${why === undefined ? '' : `: ${why}`}` };
  if (status.containerID === target.containerId) return { seen: false, what: `${what} is still the same` };
  return { seen: true, what: `${what} is ready again (${status.restartCount} restarts, ${target.restarts} before)` };
}

function find(kube: KubeClient, pod: PodTarget, signal: AbortSignal): Promise<PodView | undefined> {
  return kube.find<PodView>({ apiVersion: 'v1', kind: 'Pod', namespace: pod.namespace, name: pod.name }, { signal });
}

/** Runs the body with a container killed; see `containerKilled`. */
export const withContainerKilled = fixture(containerKilled);
