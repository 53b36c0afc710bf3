import { homedir } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '../../src/kube/client.ts';
import type { Cluster } from '../../src/index.ts';

/**
 * The server that these tests run against: the kubeconfig of `CNPG_UTILS_KUBECONFIG`, or else that of the local lab. They
 * change and break clusters in one namespace of their own, and nothing else.
 */
export function labClient(): KubeClient {
  const state = process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state');
  const lab = join(state, 'cnpg-chaos', 'labs', 'cnpg-chaos', 'kubeconfig');
  return KubeClient.fromFile(process.env['CNPG_UTILS_KUBECONFIG'] ?? lab);
}

/** Namespace of the tests. It is created when it is not there. */
export const namespace = process.env['CNPG_UTILS_NAMESPACE'] ?? 'cnpg-utils-tests';

/** Operand image: that of `CNPG_UTILS_IMAGE`, or of another cluster; undefined lets the operator choose. */
export async function anyImage(kube: KubeClient): Promise<string | undefined> {
  const clusters = await kube.list<Cluster>({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster' });
  return process.env['CNPG_UTILS_IMAGE'] ?? clusters.find(({ spec }) => spec.imageName !== undefined)?.spec.imageName;
}
