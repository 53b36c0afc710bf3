import { listVolumes } from '@cnpg-chaos/cnpg-utils';
import { type PodTarget, TargetError, type TargetSelector, type VolumeTarget } from './target.ts';

/** Which volume of an instance: that of its data or that of its WAL. */
export type VolumeRole = 'data' | 'wal';

const claimRole: Readonly<Record<VolumeRole, string>> = { data: 'PG_DATA', wal: 'PG_WAL' };

/** A volume of some instances: `volumeOf(primary(), 'wal')`. */
export function volumeOf(pods: TargetSelector<PodTarget>, volume: VolumeRole): TargetSelector<VolumeTarget> {
  const description = `${volume} volume of ${pods.description}`;
  return {
    description,
    async resolve(context, signal) {
      const { kube, cluster } = context;
      const found: VolumeTarget[] = [];
      for (const pod of await pods.resolve(context, signal)) {
        const volumes = await listVolumes(kube, cluster, { instance: pod.name, signal });
        const claim = volumes.find(({ role }) => role === claimRole[volume]);
        if (claim === undefined) {
          const roles = volumes.map(({ name, role }) => `${name} (${role})`).join(', ') || 'none';
          throw new TargetError(`${description}: ${pod.name} has no such volume; its volumes: ${roles}`);
        }
        found.push({
          kind: 'volume',
          role: `${volume} volume of ${pod.role}`,
          namespace: pod.namespace,
          name: claim.name,
          uid: claim.uid,
          pod: pod.name,
          ...(pod.node === undefined ? {} : { node: pod.node }),
        });
      }
      return found;
    },
  };
}
