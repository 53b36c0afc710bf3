import type { V1EndpointSlice, V1Service } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { labels } from './constants.ts';

/** One address behind a service. */
export interface ServiceEndpoint {
  ip: string;
  ready: boolean;
  /** Name of the pod behind it, if it is one. */
  pod?: string;
  podUid?: string;
}

/** All addresses behind a service, from all its EndpointSlices. */
export async function serviceEndpoints(
  kube: KubeClient,
  service: NamespacedName,
  options: CallOptions = {},
): Promise<ServiceEndpoint[]> {
  const slices = await kube.list<V1EndpointSlice>(
    { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace: service.namespace },
    { labelSelector: `${labels.serviceName}=${service.name}`, ...options },
  );
  return slices
    .flatMap((slice) => slice.endpoints ?? [])
    .flatMap(({ addresses, conditions, targetRef }) =>
      addresses.map((ip) => ({
        ip,
        // No condition means ready (discovery.k8s.io/v1).
        ready: conditions?.ready ?? true,
        ...(targetRef?.kind === 'Pod' && targetRef.name !== undefined ? { pod: targetRef.name } : {}),
        ...(targetRef?.kind === 'Pod' && targetRef.uid !== undefined ? { podUid: targetRef.uid } : {}),
      })),
    );
}

/**
 * Cluster IP of a service. Its DNS name does not resolve outside the cluster, its address can be routed.
 *
 * @throws NotFoundError; KubeError for a headless service
 */
export async function serviceClusterIp(
  kube: KubeClient,
  service: NamespacedName,
  options: CallOptions = {},
): Promise<string> {
  const found = await kube.get<V1Service>({ apiVersion: 'v1', kind: 'Service', ...service }, options);
  const ip = found.spec?.clusterIP;
  if (ip === undefined || ip === '' || ip === 'None') {
    throw new KubeError(`Service ${service.namespace}/${service.name} has no cluster IP (it has ${ip ?? 'none yet'})`);
  }
  return ip;
}

/** Full name of a service, which resolves inside the Kubernetes cluster. */
export function serviceFqdn(service: NamespacedName): string {
  return `${service.name}.${service.namespace}.svc.cluster.local`;
}
