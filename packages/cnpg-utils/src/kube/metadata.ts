import type { KubernetesObject, V1Pod } from '@kubernetes/client-node';

/** Whether an object has all these labels, with these values. */
export function hasLabels(object: KubernetesObject, wanted: Readonly<Record<string, string>>): boolean {
  return has(object.metadata?.labels, wanted);
}

/** Whether an object has all these annotations, with these values. */
export function hasAnnotations(object: KubernetesObject, wanted: Readonly<Record<string, string>>): boolean {
  return has(object.metadata?.annotations, wanted);
}

/** Whether a pod has a condition of that type with that status (`True`, `False`, `Unknown`). */
export function hasCondition(pod: V1Pod, type: string, status: string): boolean {
  return pod.status?.conditions?.some((condition) => condition.type === type && condition.status === status) === true;
}

function has(present: Record<string, string> | undefined, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => present?.[key] === value);
}
