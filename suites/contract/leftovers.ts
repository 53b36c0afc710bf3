import { type ClusterUnderTest, type EngineContext, type EngineRegistry, engineNames } from '@cnpg-chaos/chaos-kit';

/** What any engine still finds of any fault, as sentences. */
export async function allLeftovers(engines: EngineRegistry, cluster: ClusterUnderTest): Promise<string[]> {
  const context: EngineContext = {
    kube: cluster.kube,
    cluster: { namespace: cluster.namespace, name: cluster.name },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
  };
  const { signal } = new AbortController();
  const found = await Promise.all(
    engineNames.map(async (name) =>
      (await engines[name].leftovers(context, signal)).map(({ what }) => `${name}: ${what}`),
    ),
  );
  return found.flat();
}
