import { createHash } from 'node:crypto';
import type { Cluster } from '@cnpg-chaos/cnpg-utils';
import { managedByLabels, manifestHashAnnotation, profileLabel } from '../safety/labels.ts';
import type { Profile } from './profile.ts';

/**
 * The Cluster of a profile. One instance per zone where there are enough of them; a superuser login stays off, as it is
 * by default. The annotation holds a hash of the spec, so that a cluster of another shape is not reused.
 */
export function clusterManifest(profile: Profile, namespace: string, name: string): Cluster {
  const spec = {
    instances: profile.instances,
    ...(profile.image === undefined ? {} : { imageName: profile.image }),
    enableSuperuserAccess: false,
    affinity: {
      enablePodAntiAffinity: true,
      podAntiAffinityType: 'preferred' as const,
      topologyKey: 'topology.kubernetes.io/zone',
    },
    postgresql: {
      parameters: { ...profile.parameters },
      ...(profile.synchronous === undefined ? {} : { synchronous: { ...profile.synchronous } }),
    },
    storage: {
      size: profile.storageSize,
      ...(profile.storageClass === undefined ? {} : { storageClass: profile.storageClass }),
    },
  };
  return {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: {
      name,
      namespace,
      labels: { ...managedByLabels, [profileLabel]: profile.name },
      annotations: { [manifestHashAnnotation]: hash(spec) },
    },
    spec,
  };
}

function hash(spec: object): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16);
}
