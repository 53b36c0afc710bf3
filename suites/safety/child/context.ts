import { type ClusterUnderTest, type EngineContext, labControl } from '@cnpg-chaos/chaos-kit';

/** The lab of the suite; its usual name when nobody says another. */
export const labName = process.env['SAFETY_LAB'] ?? 'cnpg-chaos';

/** Where the engines work, in the lab. */
export function contextOf(
  { kube, namespace, name }: Pick<ClusterUnderTest, 'kube' | 'namespace' | 'name'>,
  lab = labName,
): EngineContext {
  return {
    kube,
    cluster: { namespace, name },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
    lab: labControl(lab),
  };
}
