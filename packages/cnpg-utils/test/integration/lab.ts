import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  buildCluster,
  findCluster,
  KubeClient,
  waitForHealthy,
  type Cluster,
  type ClusterSettings,
  type NamespacedName,
} from '../../src/index.ts';

/**
 * The server that these tests run against: the kubeconfig of `CNPG_UTILS_KUBECONFIG`, or else that of the local lab, whose
 * name `CNPG_UTILS_LAB` may say. They change and break clusters in one namespace of their own, and nothing else.
 */
export function labClient(): KubeClient {
  return KubeClient.fromFile(kubeconfigPath());
}

/** The kubeconfig of {@link labClient}. */
export function kubeconfigPath(): string {
  const state = process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state');
  return process.env['CNPG_UTILS_KUBECONFIG'] ?? join(state, 'cnpg-chaos', 'labs', labName, 'kubeconfig');
}

/** Name of the lab; it is used unless `CNPG_UTILS_KUBECONFIG` names another server. */
export const labName = process.env['CNPG_UTILS_LAB'] ?? 'cnpg-chaos';

/** Whether what all share, the operator and the nodes, may be changed: in the lab, or where somebody said so. */
export const exclusive =
  process.env['CNPG_UTILS_KUBECONFIG'] === undefined || process.env['CNPG_UTILS_EXCLUSIVE'] === '1';

/** Namespace of the tests. It is created when it is not there. */
export const namespace = process.env['CNPG_UTILS_NAMESPACE'] ?? 'cnpg-utils-tests';

/** The cluster that all files use, one after the other. */
export const ref = { namespace, name: process.env['CNPG_UTILS_CLUSTER'] ?? 'port' };

/** Operand image: that of `CNPG_UTILS_IMAGE`, or of another cluster; nothing lets the operator choose. */
export async function anyImage(kube: KubeClient): Promise<Pick<ClusterSettings, 'imageName' | 'imagePullPolicy'>> {
  const clusters = await kube.list<Cluster>({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster' });
  const imageName =
    process.env['CNPG_UTILS_IMAGE'] ?? clusters.find(({ spec }) => spec.imageName !== undefined)?.spec.imageName;
  return imageName === undefined ? {} : { imageName, imagePullPolicy: 'IfNotPresent' };
}

/** Settings with which nobody waits for clients to leave. */
export const brisk = {
  stopDelay: 60,
  smartShutdownTimeout: 0,
  switchoverDelay: 30,
  storage: { size: '512Mi' },
} satisfies ClusterSettings;

/** Creates a cluster unless it is there, and waits until it is healthy. */
export async function ensureCluster(kube: KubeClient, at: NamespacedName, settings: ClusterSettings): Promise<void> {
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: at.namespace } });
  if ((await findCluster(kube, at)) === undefined) {
    await kube.create(buildCluster(at, { ...brisk, ...(await anyImage(kube)), ...settings }));
  }
  await waitForHealthy(kube, at, { timeoutMs: 300_000 });
}

/** The cluster that all files use: three instances, synchronous, with a volume for WAL. */
export async function ensureSharedCluster(kube: KubeClient): Promise<void> {
  await ensureCluster(kube, ref, { profile: 'sync', walStorage: { size: '512Mi' } });
}
