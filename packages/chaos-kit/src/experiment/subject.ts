import type { ClusterHealth, KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { FinalReader } from '../ledger/index.ts';
import type { ResolvedTarget } from '../targets/target.ts';
import type { BlindStretch, ClusterSample } from './cluster-sample.ts';

/** What an experiment needs of the cluster that it breaks. `ClusterUnderTest` is one. */
export interface ExperimentSubject {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** `zeroLoss`: it promises that no acknowledged write is lost. */
  readonly profile: { readonly name: string; readonly zeroLoss: boolean };
  /** Fires when the right to break this cluster is lost. */
  readonly revoked?: AbortSignal | undefined;
  /** @throws GuardError when cluster or namespace may not be broken. */
  authorize(signal: AbortSignal): Promise<void>;
  /** One look at everything that makes the cluster healthy, the operator included. */
  health(signal?: AbortSignal): Promise<ClusterHealth>;
  /** @throws TargetChangedError when a target is no longer what was chosen. */
  assertTargetsUnchanged(targets: readonly ResolvedTarget[], signal: AbortSignal): Promise<void>;
  /** Follows the status of the cluster until it is stopped. */
  follow(onChange: (sample: ClusterSample) => void): Promise<StatusHistory>;
  /** Told of the primary before a fault, so that a later wait knows what it waits to change. */
  remember(state: { readonly primary: string | undefined }): void;
  /** A way into every instance for the ledger's final read. */
  finalReader(): FinalReader;
}

/** The changes of a cluster's status with their times. */
export interface StatusHistory {
  readonly samples: readonly ClusterSample[];
  readonly blind: readonly BlindStretch[];
  stop(): Promise<void>;
}
