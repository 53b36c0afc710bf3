import type { KubeClient } from '@cnpg-chaos/cnpg-utils';

/** A pod as it was when a fault fired. Its UID is its identity: CloudNativePG gives a new pod the old one's name. */
export interface PodTarget {
  readonly kind: 'pod';
  /** What it was when it was chosen, for instance `primary` or `replica 0`. */
  readonly role: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly ip?: string;
  readonly node?: string;
}

/** Something that a fault hits. */
export type ResolvedTarget = PodTarget;

/** What a selector may look at. */
export interface TargetContext {
  readonly kube: KubeClient;
  readonly cluster: { readonly namespace: string; readonly name: string };
}

/** Says whom a fault hits. Resolved when the fault fires, never earlier. */
export interface TargetSelector {
  /** Such as `primary`, for messages. */
  readonly description: string;
  /** @throws TargetError when it resolves to nothing. */
  resolve(context: TargetContext, signal: AbortSignal): Promise<readonly ResolvedTarget[]>;
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
      `${target.role}: pod ${target.namespace}/${target.name} was chosen with UID ${target.uid} but ${now}; the cluster changed while the fault was being prepared`,
      options,
    );
    this.target = target;
  }
}
