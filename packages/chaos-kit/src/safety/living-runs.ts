import { hostname } from 'node:os';
import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { isAlive } from './process-identity.ts';
import { isRunAlive, type StoredRun } from './run-folder.ts';
import { judgeLease, type RunLease, runIdOf, runLockName } from './run-lock.ts';

/** Who works, or may work, in a namespace. */
export interface NamespaceHolder {
  readonly namespace: string;
  readonly holder: string;
  readonly runId: string | undefined;
}

/** A Lease says how long it lives; where it does not, this is assumed, in milliseconds. */
const leaseMs = 30_000;

/** Holders of Leases that have not expired and are not known to be dead. */
export async function livingHolders(
  kube: KubeClient,
  namespaces: readonly string[],
  runs: readonly StoredRun[],
  signal?: AbortSignal,
): Promise<NamespaceHolder[]> {
  const found = await Promise.all(
    namespaces.map(async (namespace) => {
      const ref = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name: runLockName };
      const lease = await kube.find<RunLease>(ref, signal === undefined ? {} : { signal });
      const holder = lease?.spec.holderIdentity ?? '';
      if (judgeLease(lease, 'nobody', leaseMs, Date.now()) !== 'held' || isDeadHolder(holder, runs)) return [];
      return [{ namespace, holder, runId: runIdOf(holder) }];
    }),
  );
  return found.flat();
}

/**
 * Whether the holder of a Lease is a process of this machine that has ended, with nobody of its run left. False when one
 * cannot know.
 */
export function isDeadHolder(holder: string, runs: readonly StoredRun[]): boolean {
  const runId = runIdOf(holder);
  const run = runs.find(({ manifest }) => manifest.runId === runId);
  if (run !== undefined) return !isRunAlive(run);
  const [, host, pid] = /@(\S+) pid (\d+)/.exec(holder) ?? [];
  return host === hostname() && pid !== undefined && !isAlive({ pid: Number(pid) });
}
