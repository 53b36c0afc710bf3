import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';

/** Whether the pod's Ready condition is true. A pod that is being deleted may still be ready. */
export function isPodReady(pod: V1Pod): boolean {
  return (
    pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false
  );
}

/** Whether a container of the pod runs, as far as its kubelet has told. */
export function isContainerRunning(pod: V1Pod, container: string): boolean {
  return (
    pod.status?.containerStatuses?.some(({ name, state }) => name === container && state?.running !== undefined) ??
    false
  );
}

/** Whether somebody asked for the pod's deletion. */
export function isPodTerminating(pod: V1Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}

/**
 * Whether the operator counts the pod as active: not being deleted, and neither pending nor finished. Source:
 * `pkg/utils/pod_conditions.go` of version 1.30.
 */
export function isPodActive(pod: V1Pod): boolean {
  const phase = pod.status?.phase;
  return !isPodTerminating(pod) && phase !== 'Succeeded' && phase !== 'Failed' && phase !== 'Pending';
}

/** How often the containers of the pod were restarted, all together. */
export function podRestarts(pod: V1Pod): number {
  return (pod.status?.containerStatuses ?? []).reduce((sum, status) => sum + status.restartCount, 0);
}

/** Containers that wait in CrashLoopBackOff, as sentences. */
export function crashLoops(pod: V1Pod): string[] {
  return containerStatuses(pod)
    .filter((status) => status.state?.waiting?.reason === 'CrashLoopBackOff')
    .map((status) => {
      const last = status.lastState?.terminated;
      const why =
        last === undefined
          ? ''
          : `, last exit code ${last.exitCode}${last.reason === undefined ? '' : ` (${last.reason})`}`;
      return `container ${status.name} of pod ${pod.metadata?.name ?? '?'} is in CrashLoopBackOff${why}`;
    });
}

/** What keeps a pod from being ready, as sentences; empty for a pod that is ready or has finished. */
export function podTrouble(pod: V1Pod): string[] {
  const name = pod.metadata?.name ?? '?';
  if (isPodTerminating(pod)) return [`pod ${name} is being deleted`];
  if (pod.status?.phase === 'Succeeded' || isPodReady(pod)) return [];
  const problems: string[] = [];
  for (const status of containerStatuses(pod)) {
    const { waiting, terminated } = status.state ?? {};
    if (waiting !== undefined && waiting.reason !== 'PodInitializing') {
      problems.push(
        `${status.name} waits: ${waiting.reason ?? '?'}${waiting.message === undefined ? '' : ` ${waiting.message}`}`,
      );
    } else if (terminated !== undefined && terminated.exitCode !== 0) {
      problems.push(`${status.name} ended with exit code ${terminated.exitCode}`);
    }
  }
  const unscheduled = pod.status?.conditions?.find(
    (condition) => condition.type === 'PodScheduled' && condition.status === 'False',
  );
  if (unscheduled !== undefined) problems.push(`not scheduled: ${unscheduled.message ?? unscheduled.reason ?? '?'}`);
  if (problems.length === 0) problems.push(`${pod.status?.phase ?? 'no phase'}, not ready`);
  return problems.map((problem) => `pod ${name}: ${problem}`);
}

function containerStatuses(pod: V1Pod): V1ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}
