/** A cluster that experiments can run on. */
export interface ConnectedCluster {
  readonly provider: ProviderName;
  /** Absolute path of the kubeconfig. */
  readonly kubeconfig: string;
  /** Context in it. Default: its current one. */
  readonly context?: string;
  readonly isLab: boolean;
  /** Name of the lab. Only for the lab. */
  readonly labName?: string;
  /** UID of `kube-system` as the lab recorded it; what the guard compares with. Only for the lab. */
  readonly labKubeSystemUid?: string;
  /** Versions that the lab is made of. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** Where clusters come from. */
export type ProviderName = 'lab' | 'existing';

/** Options of `ClusterProvider.connect`. */
export interface ConnectOptions {
  readonly signal?: AbortSignal;
  /** Told what is being done, one line at a time. */
  readonly onProgress?: (line: string) => void;
}

/** Finds or starts a cluster. */
export interface ClusterProvider {
  readonly name: ProviderName;
  connect(options?: ConnectOptions): Promise<ConnectedCluster>;
}

/** No cluster to run on, or one that cannot be used. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code = 'CHAOS_PROVIDER';
}
