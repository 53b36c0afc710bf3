import type { ProvidedContext } from 'vitest';
import type { ClusterAccess } from '../safety/journal/journal-record.ts';

/** Key under which a chaos project marks itself and passes its options on. */
export const projectOptionsKey = 'cnpgChaosProject';

/** Key under which the global setup hands the run to the workers. */
export const runContextKey = 'cnpgChaosRun';

/** What `defineChaosProject()` hands to the global setup, the reporter and the workers. */
export interface ChaosProjectOptions {
  /** `auto`: find or start one as `chaos.config.ts` says. `none`: connect to nothing, specs bring their own `cluster`. */
  cluster: 'auto' | 'none';
  allowWatch: boolean;
  /** Module whose export `engines` replaces or adds to the kit's engines. */
  engines?: string;
}

/** What the global setup hands to the workers. */
export interface ChaosRunContext {
  runId: string;
  /** Seed of the whole run; each experiment derives its own from it. */
  seed: number;
  /** File that workers append progress to, and the reporter follows. */
  runLogPath: string;
  /** Folder of the run among all runs of this user: its journals, what its reaper did, its stop file. */
  runFolder: string;
  /** Folder in which `chaos.config.ts` is looked for. */
  root: string;
  /** Module whose export `engines` replaces or adds to the kit's engines. */
  enginesModule?: string;
  /** Missing when the project connects to no cluster. */
  cluster?: {
    provider: string;
    /** Path of a kubeconfig. */
    kubeconfig: string;
    context?: string;
    isLab: boolean;
    /** Name of the lab, for those who act on its machines. Only for the lab. */
    labName?: string;
    /** UID of `kube-system` as the lab recorded it, for the guard. Only for the lab. */
    labKubeSystemUid?: string;
    /** UID of `kube-system` as it was when the run began. */
    kubeSystemUid: string;
  };
}

declare module 'vitest' {
  interface ProvidedContext {
    [projectOptionsKey]: ChaosProjectOptions;
    [runContextKey]: ChaosRunContext;
  }
}

/** Makes sure that the augmentation above is what vitest sees. */
export type Provided = Pick<ProvidedContext, typeof projectOptionsKey | typeof runContextKey>;

/** How another process reaches the cluster of a run. */
export function accessOf(cluster: NonNullable<ChaosRunContext['cluster']>): ClusterAccess {
  const { kubeconfig, context, labName, kubeSystemUid } = cluster;
  return {
    kubeconfig,
    kubeSystemUid,
    ...(context === undefined ? {} : { context }),
    ...(labName === undefined ? {} : { labName }),
  };
}
