import { psqlRows, type Instance, type KubeClient, type NamespacedName } from '@cnpg-chaos/cnpg-utils';

/** The value of an SQL expression on an instance, as text; empty when it is null. */
export async function value(kube: KubeClient, cluster: NamespacedName, at: Instance, sql: string): Promise<string> {
  const pod = { namespace: cluster.namespace, name: at.pod.name };
  const [row] = await psqlRows<{ value: string | null }>(kube, pod, `SELECT (${sql})::text AS value`);
  return row?.value ?? '';
}
