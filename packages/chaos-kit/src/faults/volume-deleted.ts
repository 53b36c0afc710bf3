import { getCluster, listVolumes } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { deleteVolumes } from '../engines/kubernetes/delete-volumes.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import {
  describeTarget,
  type PodTarget,
  type ResolvedTarget,
  TargetError,
  type TargetSelector,
  type VolumeTarget,
} from '../targets/target.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { gracePeriodSeconds } from './grace-period.ts';
import { podKilled } from './pod-evidence.ts';

/**
 * An instance loses its volumes for good: their claims are deleted, and its pod with them. The operator makes another
 * instance, with the next serial number, from a copy of the primary.
 */
export const volumeDeleted = defineFault({
  name: 'volume-deleted',
  options: z.object({ target: podTargetSpec.default({ replica: 0 }), gracePeriodSeconds }),
  target: ({ target }) => withVolumes(podSelector(target)),
  // the pod, its data, its WAL and a few tablespaces
  maxTargets: 6,
  engines: {
    kubernetes: ({ targets, options }) => deleteVolumes(podOf(targets), targets.filter(isVolume), options),
  },
  unsupported: { 'chaos-mesh': 'it cannot delete volumes' },
  needs: { kubernetes: ['delete persistentvolumeclaims', 'list persistentvolumeclaims'] },
  occupies: ({ targets }) => targets.map(({ kind, uid }) => `${kind} ${uid}`),
  evidence: {
    async effect({ kube, cluster, targets }, signal) {
      const killed = await podKilled(kube, podOf(targets), signal);
      const now = await listVolumes(kube, cluster, { signal });
      const left = targets.filter(isVolume).filter(({ uid }) => now.some((v) => v.uid === uid && !v.terminating));
      const what = `${killed.what}; volume claims left: ${left.map(({ name }) => name).join(', ') || 'none'}`;
      return { seen: killed.seen && left.length === 0, what };
    },
    async healed({ kube, cluster, targets }, signal) {
      const [{ status, spec }, now] = await Promise.all([
        getCluster(kube, cluster, { signal }),
        listVolumes(kube, cluster, { signal }),
      ]);
      const ready = status?.readyInstances ?? 0;
      const old = targets.filter(isVolume).filter(({ uid }) => now.some((volume) => volume.uid === uid));
      const what = `${ready} of ${spec.instances} instances ready; old volume claims left: ${old.map(({ name }) => name).join(', ') || 'none'}`;
      return { seen: ready === spec.instances && old.length === 0, what };
    },
    healedWithin: '5m',
  },
});

function withVolumes(pods: TargetSelector<PodTarget>): TargetSelector<PodTarget | VolumeTarget> {
  return {
    description: `volumes of ${pods.description}`,
    async resolve(context, signal) {
      const found = await pods.resolve(context, signal);
      const volumes = await Promise.all(
        found.map((pod) => listVolumes(context.kube, context.cluster, { instance: pod.name, signal })),
      );
      return found.flatMap((pod, index) => [
        pod,
        ...(volumes[index] ?? []).map(({ name, uid }): VolumeTarget => ({
          kind: 'volume',
          role: `volume of ${pod.role}`,
          namespace: pod.namespace,
          name,
          uid,
          pod: pod.name,
          ...(pod.node === undefined ? {} : { node: pod.node }),
        })),
      ]);
    },
  };
}

function podOf(targets: readonly ResolvedTarget[]): PodTarget {
  const [pod, another] = targets.filter((target) => target.kind === 'pod');
  if (pod === undefined || another !== undefined) {
    throw new TargetError(
      `volume-deleted: it takes exactly one instance, but its target resolved to ${targets.map(describeTarget).join(', ')}`,
    );
  }
  return pod;
}

function isVolume(target: ResolvedTarget): target is VolumeTarget {
  return target.kind === 'volume';
}

/** Runs the body with the volumes of an instance deleted; see `volumeDeleted`. */
export const withVolumeDeleted = fixture(volumeDeleted);
