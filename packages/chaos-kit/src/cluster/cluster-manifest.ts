import { createHash } from 'node:crypto';
import { buildCluster, type Cluster } from '@cnpg-chaos/cnpg-utils';
import { managedByLabels, manifestHashAnnotation, profileLabel } from '../safety/labels.ts';
import type { Profile } from './profile.ts';

/**
 * The Cluster of a profile, as `buildCluster` of cnpg-utils makes it. The annotation holds a hash of the spec, so that a
 * cluster of another shape is not reused.
 */
export function clusterManifest(profile: Profile, namespace: string, name: string): Cluster {
  const { spec } = buildCluster({ name, namespace }, profile.settings);
  const metadata = {
    name,
    namespace,
    labels: { ...managedByLabels, [profileLabel]: profile.name },
    annotations: { [manifestHashAnnotation]: hash(spec) },
  };
  return buildCluster(metadata, profile.settings);
}

function hash(spec: object): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16);
}
