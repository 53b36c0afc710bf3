import type { KubeClient } from '@cnpg-chaos/cnpg-utils';

/** What every target may carry besides its identity. */
export interface TargetSide {
  /** On which side of a fault that comes between two groups; see `between`. */
  readonly side?: 'from' | 'to';
}

/** A pod as it was when a fault fired. Its UID is its identity: CloudNativePG gives a new pod the old one's name. */
export interface PodTarget extends TargetSide {
  readonly kind: 'pod';
  /** What it was when it was chosen, for instance `primary` or `replica 0`. */
  readonly role: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly ip?: string;
  readonly node?: string;
}

/** A Kubernetes node. */
export interface NodeTarget extends TargetSide {
  readonly kind: 'node';
  /** Such as `node of primary`. */
  readonly role: string;
  readonly name: string;
  readonly uid: string;
  readonly ip?: string;
}

/** A volume, by its claim. */
export interface VolumeTarget extends TargetSide {
  readonly kind: 'volume';
  /** Such as `volume of primary`. */
  readonly role: string;
  readonly namespace: string;
  /** Name of the PersistentVolumeClaim. */
  readonly name: string;
  readonly uid: string;
  /** Pod that mounts it. */
  readonly pod?: string;
  readonly node?: string;
}

/** The CloudNativePG cluster itself. */
export interface ClusterTarget extends TargetSide {
  readonly kind: 'cluster';
  readonly role: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A Deployment, such as the operator's. */
export interface DeploymentTarget extends TargetSide {
  readonly kind: 'deployment';
  readonly role: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Addresses that are no object of their own: the API server, clients outside of the cluster. */
export interface EndpointTarget extends TargetSide {
  readonly kind: 'endpoint';
  /** Such as `API server` or `clients`. */
  readonly role: string;
  readonly name: string;
  /** Has none of its own: the addresses, joined. */
  readonly uid: string;
  /** IP addresses or CIDR blocks. */
  readonly addresses: readonly string[];
}

/** Something that a fault hits. */
export type ResolvedTarget = PodTarget | NodeTarget | VolumeTarget | ClusterTarget | DeploymentTarget | EndpointTarget;

/** What a selector may look at. */
export interface TargetContext {
  readonly kube: KubeClient;
  readonly cluster: { readonly namespace: string; readonly name: string };
  /** Namespace of the CloudNativePG operator. */
  readonly operatorNamespace: string;
  /** Of the experiment; random choices derive from it. */
  readonly seed: number;
}

/** Says whom a fault hits. Resolved when the fault fires, never earlier. */
export interface TargetSelector<T extends ResolvedTarget = ResolvedTarget> {
  /** Such as `primary`, for messages. */
  readonly description: string;
  /** @throws TargetError when it resolves to nothing. */
  resolve(context: TargetContext, signal: AbortSignal): Promise<readonly T[]>;
}

/** A selector resolved to nothing, or to something that cannot be hit now. Nothing was touched. */
export class TargetError extends Error {
  override readonly name: string = 'TargetError';
  readonly code: string = 'CHAOS_TARGET';
}

/** What was chosen is no longer what it was. Nothing was touched. */
export class TargetChangedError extends TargetError {
  override readonly name = 'TargetChangedError';
  override readonly code = 'CHAOS_TARGET_CHANGED';
  readonly target: ResolvedTarget;

  /** @param now what is found instead, such as `is gone` */
  constructor(target: ResolvedTarget, now: string, options?: { cause?: unknown }) {
    super(
      `${target.role}: ${describeTarget(target)} was chosen with UID ${target.uid} but ${now}; the cluster changed while the fault was being prepared`,
      options,
    );
    this.target = target;
  }
}

/** `pod ns/name`, `node name`, for messages. */
export function describeTarget(target: ResolvedTarget): string {
  const place = 'namespace' in target ? `${target.namespace}/` : '';
  return `${target.kind} ${place}${target.name}`;
}
