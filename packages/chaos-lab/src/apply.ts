import type { Addon } from './addons.ts';
import { isRecord, KubeApiError, type KubeApi, type KubeObject } from './kube-api.ts';
import { found, Hopeless, missing, poll } from './poll.ts';

const stampName = 'cnpg-chaos-lab';
const parallel = 6;

/** Which addons the cluster has, by hash. The stamp lives in the cluster: it goes when the cluster's state goes. */
export async function appliedAddons(api: KubeApi): Promise<Record<string, string>> {
  const stamp = await api.find('v1', 'ConfigMap', stampName, 'kube-system');
  const data = stamp && isRecord(stamp['data']) ? stamp['data'] : {};
  return Object.fromEntries(Object.entries(data).map(([name, hash]) => [name, String(hash)]));
}

/** Records that these addons, and no others, are applied. */
export async function stampAddons(api: KubeApi, hashes: Record<string, string>): Promise<void> {
  await api.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: stampName, namespace: 'kube-system' },
    data: hashes,
  });
}

// What others refer to comes first; what starts processes comes last.
const stages: readonly (readonly string[] | 'rest')[] = [
  ['Namespace', 'CustomResourceDefinition', 'PriorityClass'],
  ['ServiceAccount', 'ClusterRole', 'Role', 'ConfigMap', 'Secret', 'Service', 'StorageClass'],
  ['ClusterRoleBinding', 'RoleBinding'],
  'rest',
];

/** Sorts objects into groups that can each be applied at once. Every object is in exactly one. */
export function applyStages(objects: readonly KubeObject[]): KubeObject[][] {
  const named = new Set(stages.flatMap((stage) => (stage === 'rest' ? [] : stage)));
  return stages
    .map((stage) => objects.filter(({ kind }) => (stage === 'rest' ? !named.has(kind) : stage.includes(kind))))
    .filter((group) => group.length > 0);
}

/** Applies objects on the server's side, stage by stage, and waits until new kinds are served. */
export async function applyObjects(api: KubeApi, objects: readonly KubeObject[], signal?: AbortSignal): Promise<void> {
  for (const stage of applyStages(objects)) {
    const queue = [...stage];
    const worker = async (): Promise<void> => {
      for (let object = queue.shift(); object; object = queue.shift()) {
        await applyOne(api, object, signal);
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
  }
}

async function applyOne(api: KubeApi, object: KubeObject, signal: AbortSignal | undefined): Promise<void> {
  const place = `${object.kind} ${object.metadata.namespace ? `${object.metadata.namespace}/` : ''}${object.metadata.name}`;
  // A server that has just come up refuses some writes for a moment (namespace being made, quota not synced).
  let attempts = 0;
  await poll(
    `apply ${place}`,
    async () => {
      try {
        await api.apply(object, { signal });
        return found(undefined);
      } catch (error) {
        attempts += 1;
        if (error instanceof KubeApiError && [400, 409, 422].includes(error.status)) {
          throw new Hopeless('API', `cannot apply ${place}: ${error.message}`, { cause: error });
        }
        return missing(`attempt ${attempts}: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
    { timeoutMs: 60_000, intervalMs: 300, signal },
  );
}

const workloads = new Set(['Deployment', 'DaemonSet', 'StatefulSet', 'Job']);

/** True for objects that start pods. */
export const isWorkload = ({ kind }: KubeObject): boolean => workloads.has(kind);

/** Applies those objects of addons whose hash the cluster does not have that `which` wants. Returns the addons' names. */
export async function applyAddons(
  api: KubeApi,
  addons: readonly Addon[],
  have: Record<string, string>,
  which: (object: KubeObject) => boolean,
  signal?: AbortSignal,
): Promise<string[]> {
  const changed = addons.filter((addon) => have[addon.name] !== addon.hash);
  await applyObjects(
    api,
    changed.flatMap((addon) => addon.objects().filter(which)),
    signal,
  );
  return changed.map((addon) => addon.name);
}
