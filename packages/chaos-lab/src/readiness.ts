import { Resolver } from 'node:dns/promises';
import { isRecord, KubeApiError, type KubeApi, type KubeObject } from './kube-api.ts';
import { found, missing, poll, type Look } from './poll.ts';
import type { Topology } from './topology.ts';

/** One thing that a ready lab shows, and how to see it. */
export interface ReadinessCheck {
  what: string;
  look: () => Promise<Look<true>>;
}

const field = (object: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), object);
const number = (object: unknown, ...path: string[]): number => {
  const value = field(object, ...path);
  return typeof value === 'number' ? value : 0;
};

/** True when the object's condition of that type is `True`. */
export function conditionTrue(object: KubeObject | undefined, type: string): boolean {
  const conditions = field(object, 'status', 'conditions');
  return (
    Array.isArray(conditions) &&
    conditions.some((one) => field(one, 'type') === type && field(one, 'status') === 'True')
  );
}

/** Says what a Deployment still lacks, or undefined when all its pods are of its current template and ready. */
export function deploymentLacks(deployment: KubeObject | undefined): string | undefined {
  if (!deployment) return 'does not exist';
  const replicas = field(deployment, 'spec', 'replicas');
  const wanted = typeof replicas === 'number' ? replicas : 1;
  const observed = number(deployment, 'status', 'observedGeneration') >= (deployment.metadata.generation ?? 0);
  const [updated, ready, all] = ['updatedReplicas', 'readyReplicas', 'replicas'].map((name) =>
    number(deployment, 'status', name),
  );
  if (observed && updated === wanted && ready === wanted && all === wanted) return undefined;
  return `${ready} of ${wanted} pods ready, ${updated} updated, ${all} there`;
}

/** Says what a DaemonSet still lacks, or undefined when it is ready on `nodes` nodes. */
export function daemonSetLacks(daemonSet: KubeObject | undefined, nodes: number): string | undefined {
  if (!daemonSet) return 'does not exist';
  const observed = number(daemonSet, 'status', 'observedGeneration') >= (daemonSet.metadata.generation ?? 0);
  const ready = number(daemonSet, 'status', 'numberReady');
  const updated = number(daemonSet, 'status', 'updatedNumberScheduled');
  if (observed && ready >= nodes && updated >= nodes) return undefined;
  return `${ready} of ${nodes} pods ready, ${updated} updated`;
}

const lookAt = (lacks: string | undefined): Look<true> => (lacks === undefined ? found(true) : missing(lacks));

/** A Cluster that the operator's webhooks must answer about; it is only tried (`dryRun`). */
const webhookProbe: KubeObject = {
  apiVersion: 'postgresql.cnpg.io/v1',
  kind: 'Cluster',
  metadata: { name: 'lab-webhook-probe', namespace: 'default' },
  spec: { instances: 1, storage: { size: '1Gi' } },
};

/** All workers are Ready. */
export function nodesReady(api: KubeApi, topology: Topology): ReadinessCheck {
  return {
    what: `${topology.workers.length} nodes Ready`,
    look: async () => {
      const nodes = await api.list('v1', 'Node', 'resourceVersion=0');
      const not = topology.workers.filter(
        ({ name }) =>
          !conditionTrue(
            nodes.find((node) => node.metadata.name === name),
            'Ready',
          ),
      );
      return not.length === 0 ? found(true) : missing(`not Ready: ${not.map(({ name }) => name).join(', ')}`);
    },
  };
}

/** What must hold before the lab is called up, besides its nodes. */
export function workloadChecks(api: KubeApi, topology: Topology): ReadinessCheck[] {
  const deployment = (namespace: string, name: string): ReadinessCheck => ({
    what: `deployment ${namespace}/${name}`,
    look: async () => lookAt(deploymentLacks(await api.find('apps/v1', 'Deployment', name, namespace))),
  });
  const daemonSet = (namespace: string, name: string): ReadinessCheck => ({
    what: `daemonset ${namespace}/${name}`,
    look: async () =>
      lookAt(daemonSetLacks(await api.find('apps/v1', 'DaemonSet', name, namespace), topology.workers.length)),
  });
  return [
    deployment('kube-system', 'coredns'),
    deployment('kube-system', 'local-path-provisioner'),
    deployment('cnpg-system', 'cnpg-controller-manager'),
    deployment('chaos-mesh', 'chaos-controller-manager'),
    daemonSet('chaos-mesh', 'chaos-daemon'),
    daemonSet('cnpg-chaos', 'cnpg-chaos-agent'),
    {
      what: 'default storage class',
      look: async () => {
        const storageClass = await api.find('storage.k8s.io/v1', 'StorageClass', 'lab');
        const isDefault =
          storageClass?.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true';
        return isDefault ? found(true) : missing("StorageClass 'lab' does not exist or is not the default");
      },
    },
    {
      what: 'CNPG webhook',
      look: async () => {
        try {
          await api.call('POST', '/apis/postgresql.cnpg.io/v1/namespaces/default/clusters?dryRun=All', {
            body: webhookProbe,
            timeoutMs: 12_000,
          });
          return found(true);
        } catch (error) {
          // Refused by name means that a Cluster of that name exists: the webhooks have answered.
          if (error instanceof KubeApiError && error.status === 409) return found(true);
          throw error;
        }
      },
    },
    {
      what: 'cluster DNS, asked from this host',
      look: async () => {
        const resolver = new Resolver({ timeout: 1000, tries: 1 });
        resolver.setServers([topology.dnsAddress]);
        const [address] = await resolver.resolve4('kubernetes.default.svc.cluster.local');
        return address === topology.apiServiceAddress ? found(true) : missing(`answered ${String(address)}`);
      },
    },
  ];
}

/** Looks once at everything, side by side. Returns what is missing, each in words; empty when the lab is ready. */
export async function lookOnce(checks: readonly ReadinessCheck[]): Promise<string[]> {
  const results = await Promise.all(
    checks.map(async ({ what, look }) => {
      try {
        const seen = await look();
        return seen.done ? undefined : `${what}: ${seen.state}`;
      } catch (error) {
        return `${what}: ${error instanceof Error ? error.message : String(error)}`;
      }
    }),
  );
  return results.filter((one) => one !== undefined);
}

/** Waits until all checks hold. `onMissing` hears what is still missing whenever that changes. */
export async function waitForChecks(
  checks: readonly ReadinessCheck[],
  options: { timeoutMs: number; signal?: AbortSignal | undefined; onMissing?: (what: string[]) => void },
): Promise<void> {
  const open = new Set(checks.map(({ what }) => what));
  await Promise.all(
    checks.map(async ({ what, look }) => {
      await poll(what, look, { timeoutMs: options.timeoutMs, intervalMs: 250, signal: options.signal });
      open.delete(what);
      options.onMissing?.([...open]);
    }),
  );
}
