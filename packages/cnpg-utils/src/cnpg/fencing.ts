import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { editAnnotations } from './annotations.ts';
import { getCluster } from './cluster.ts';
import { ALL_INSTANCES, annotations } from './constants.ts';
import type { Cluster } from './types.ts';

/** A change of the fenced instances that CloudNativePG does not know, or a list that nobody can read. */
export class FencingError extends Error {
  override readonly name = 'FencingError';
  readonly code = 'CNPG_FENCING';
}

/**
 * Fences an instance: its PostgreSQL is stopped, its pod stays and is no longer ready. Fencing one that is fenced
 * already changes nothing. The change goes through the operator's webhook and is refused while that cannot be reached.
 *
 * @param instance its name, or `*` for all of them
 * @throws FencingError when the annotation holds no list; NotFoundError
 */
export async function fence(
  kube: KubeClient,
  ref: NamespacedName,
  instance: string,
  options: CallOptions = {},
): Promise<Cluster> {
  return await editAnnotations(kube, ref, (current) => fencedValue(addFenced(parseFenced(current, ref), instance)), {
    annotation: annotations.fencedInstances,
    ...options,
  });
}

/**
 * Takes the fence from an instance, or from all of them.
 *
 * @param instance its name, or `*` for all of them
 * @throws FencingError when the whole cluster is fenced and `instance` is one of it: CloudNativePG does not know "all
 * but one"
 */
export async function unfence(
  kube: KubeClient,
  ref: NamespacedName,
  instance: string,
  options: CallOptions = {},
): Promise<Cluster> {
  return await editAnnotations(kube, ref, (current) => fencedValue(removeFenced(parseFenced(current, ref), instance)), {
    annotation: annotations.fencedInstances,
    ...options,
  });
}

/** Names of the fenced instances by name; `['*']` when all of them are. @throws FencingError, NotFoundError */
export async function listFenced(kube: KubeClient, ref: NamespacedName, options: CallOptions = {}): Promise<string[]> {
  return fencedInstances(await getCluster(kube, ref, options));
}

/** Names of the instances that a Cluster object says are fenced; `['*']` when all of them are. @throws FencingError */
export function fencedInstances(cluster: Cluster): string[] {
  const { namespace = '', name = '' } = cluster.metadata ?? {};
  return parseFenced(cluster.metadata?.annotations?.[annotations.fencedInstances], { namespace, name });
}

/** Whether a Cluster object says that an instance is fenced, by its name or with all the others. @throws FencingError */
export function isFenced(cluster: Cluster, instance: string): boolean {
  const fenced = fencedInstances(cluster);
  return fenced.includes(ALL_INSTANCES) || fenced.includes(instance);
}

function parseFenced(value: string | undefined, ref: NamespacedName): string[] {
  if (value === undefined) return [];
  try {
    const list: unknown = JSON.parse(value);
    if (Array.isArray(list) && list.every((name): name is string => typeof name === 'string')) return list.toSorted();
  } catch {
    // Told below.
  }
  throw new FencingError(
    `Cluster ${ref.namespace}/${ref.name}: annotation ${annotations.fencedInstances} is ${JSON.stringify(value)}; ` +
      `it must be a JSON list of instance names such as ["db-1"], or ["*"]`,
  );
}

function addFenced(fenced: string[], instance: string): string[] {
  if (fenced.includes(ALL_INSTANCES)) return fenced;
  if (instance === ALL_INSTANCES) return [ALL_INSTANCES];
  return [...new Set([...fenced, instance])].toSorted();
}

function removeFenced(fenced: string[], instance: string): string[] {
  if (instance === ALL_INSTANCES) return [];
  if (fenced.includes(ALL_INSTANCES)) {
    throw new FencingError(
      `instance ${instance} cannot be unfenced alone while the whole cluster is fenced; unfence '*', then fence the rest`,
    );
  }
  return fenced.filter((name) => name !== instance);
}

function fencedValue(fenced: string[]): string | undefined {
  return fenced.length === 0 ? undefined : JSON.stringify(fenced);
}
