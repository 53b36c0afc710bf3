import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { ChaosConfig } from '../config/chaos-config.ts';
import { GuardError } from './guard-error.ts';
import { enabledLabel } from './labels.ts';

interface Namespace {
  apiVersion: string;
  kind: string;
  metadata: { name: string; uid: string; labels?: Record<string, string> };
}

/** What the guard judges by. */
export interface GuardOptions {
  readonly kube: KubeClient;
  readonly config: Pick<ChaosConfig, 'clusters'>;
  /** UID of `kube-system` as the lab recorded it when it built its cluster; undefined when the cluster is no lab. */
  readonly labKubeSystemUid?: string | undefined;
}

/**
 * Says whether a cluster and a namespace may be broken. A cluster is known by the UID of its `kube-system` namespace,
 * never by the name of a context or its address, which are reused.
 */
export class Guard {
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /**
   * @returns the UID of the cluster's `kube-system` namespace
   * @throws GuardError when the cluster is neither the lab nor listed; it has the line to add to `chaos.config.ts`.
   */
  async assertClusterAllowed(signal?: AbortSignal): Promise<string> {
    const { kube, config, labKubeSystemUid } = this.#options;
    const kubeSystem = await this.#namespace('kube-system', signal);
    if (kubeSystem === undefined) throw new GuardError(`${kube.server} has no kube-system namespace to know it by`);
    judgeCluster({ uid: kubeSystem.metadata.uid, server: kube.server, config, labKubeSystemUid });
    return kubeSystem.metadata.uid;
  }

  /** @throws GuardError when the namespace does not exist or does not carry the label. */
  async assertNamespaceAllowed(name: string, signal?: AbortSignal): Promise<void> {
    judgeNamespace(name, await this.#namespace(name, signal));
  }

  #namespace(name: string, signal: AbortSignal | undefined): Promise<Namespace | undefined> {
    const ref = { apiVersion: 'v1', kind: 'Namespace', name };
    return this.#options.kube.find<Namespace>(ref, signal === undefined ? {} : { signal });
  }
}

/** See `Guard.assertClusterAllowed`. */
export function judgeCluster(found: {
  readonly uid: string;
  readonly server: string;
  readonly config: Pick<ChaosConfig, 'clusters'>;
  readonly labKubeSystemUid?: string | undefined;
}): void {
  const { uid, server, config, labKubeSystemUid } = found;
  if (labKubeSystemUid !== undefined && uid === labKubeSystemUid) return;
  if (config.clusters.some((cluster) => cluster.kubeSystemUid === uid)) return;
  throw new GuardError(
    `${server} is not a cluster that may be broken: its kube-system namespace has UID ${uid}, which is neither the lab's ` +
      `nor listed. If you want it broken, add this to chaos.config.ts:\n` +
      `  clusters: [{ kubeSystemUid: '${uid}', kubeconfig: '<path>' }],`,
  );
}

/** See `Guard.assertNamespaceAllowed`. */
export function judgeNamespace(
  name: string,
  found: { metadata: { labels?: Record<string, string> } } | undefined,
): void {
  if (found === undefined) throw new GuardError(`namespace ${name} does not exist`);
  const value = found.metadata.labels?.[enabledLabel];
  if (value === 'true') return;
  const now = value === undefined ? 'does not carry the label' : `carries the label with value "${value}"`;
  throw new GuardError(
    `namespace ${name} may not be broken: it ${now}. If you want it broken:\n` +
      `  kubectl label namespace ${name} ${enabledLabel}=true --overwrite`,
  );
}
