import { isRecord, type KubeApi, type KubeObject } from './kube-api.ts';

/**
 * Removes from the cluster what a lost node held, so that controllers make it again elsewhere: its pods, the claims of
 * its volumes, its Node object. Without this a pod would find an empty folder where its data was. Returns the claims.
 */
export async function forgetNode(api: KubeApi, node: string): Promise<string[]> {
  const claims = (await api.list('v1', 'PersistentVolume')).flatMap((volume) => claimOn(volume, node));
  for (const { namespace, name } of claims) await api.remove('v1', 'PersistentVolumeClaim', name, namespace);
  for (const pod of await api.list('v1', 'Pod', `fieldSelector=${encodeURIComponent(`spec.nodeName=${node}`)}`)) {
    await api.remove('v1', 'Pod', pod.metadata.name, pod.metadata.namespace);
  }
  await api.remove('v1', 'Node', node);
  return claims.map(({ namespace, name }) => `${namespace}/${name}`);
}

/** The claim of a volume that lies on `node`, if it does and has one. */
export function claimOn(volume: KubeObject, node: string): { namespace: string; name: string }[] {
  const spec = isRecord(volume['spec']) ? volume['spec'] : {};
  const claim = spec['claimRef'];
  if (!isRecord(claim) || !JSON.stringify(spec['nodeAffinity'] ?? '').includes(`"${node}"`)) return [];
  return [{ namespace: String(claim['namespace']), name: String(claim['name']) }];
}
