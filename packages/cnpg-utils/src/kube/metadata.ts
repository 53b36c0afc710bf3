import type { KubernetesObject } from '@kubernetes/client-node';

/** Whether an object has all these labels, with these values. */
export function hasLabels(object: KubernetesObject, wanted: Readonly<Record<string, string>>): boolean {
  return has(object.metadata?.labels, wanted);
}

/** Whether an object has all these annotations, with these values. */
export function hasAnnotations(object: KubernetesObject, wanted: Readonly<Record<string, string>>): boolean {
  return has(object.metadata?.annotations, wanted);
}

/** Whether a pod, a node, a Cluster … has a condition of that type with that status (`True`, `False`, `Unknown`). */
export function hasCondition(object: WithConditions, type: string, status: string): boolean {
  return (
    object.status?.conditions?.some((condition) => condition.type === type && condition.status === status) === true
  );
}

interface WithConditions {
  status?: { conditions?: { type?: string; status?: string }[] };
}

function has(present: Record<string, string> | undefined, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => present?.[key] === value);
}
