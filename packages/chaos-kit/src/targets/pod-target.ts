import type { Instance } from '@cnpg-chaos/cnpg-utils';
import type { PodTarget } from './target.ts';

/** Freezes what is known of an instance's pod. */
export function podTarget(role: string, namespace: string, pod: Instance['pod']): PodTarget {
  return {
    kind: 'pod',
    role,
    namespace,
    name: pod.name,
    uid: pod.uid,
    ...(pod.ip === undefined ? {} : { ip: pod.ip }),
    ...(pod.node === undefined ? {} : { node: pod.node }),
  };
}
