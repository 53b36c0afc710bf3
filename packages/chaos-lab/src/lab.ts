import type { Progress } from './progress.ts';

/** Options that every lab function takes. */
export interface LabOptions {
  /** Name of the lab; default `cnpg-chaos`. */
  name?: string;
  /** Shows what is going on; default: nothing is shown. */
  progress?: Progress;
  signal?: AbortSignal;
}

/** One node of a running lab. */
export interface LabNode {
  name: string;
  role: 'control-plane' | 'worker';
  /** Container name. */
  container: string;
  /** Address in the lab's Docker network, reachable from the host. */
  address: string;
  zone?: string;
}

/** A lab that is up. */
export interface Lab {
  name: string;
  /** Path of a kubeconfig with all rights. */
  kubeconfig: string;
  /** UID of the namespace `kube-system`: the identity of this cluster. */
  kubeSystemUid: string;
  nodes: LabNode[];
  /** Versions by component, e.g. `kubernetes`, `cloudnative-pg`, `postgresql`. */
  versions: Record<string, string>;
}
