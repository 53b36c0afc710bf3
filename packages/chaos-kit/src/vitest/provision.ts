import { KubeClient } from '@cnpg-chaos/cnpg-utils';
import type { ClusterUnderTest } from '../cluster/cluster-under-test.ts';
import { createOrReuseCluster } from '../cluster/create-or-reuse.ts';
import { profiles } from '../cluster/profile.ts';
import type { ChaosConfig } from '../config/chaos-config.ts';
import { loadChaosConfig } from '../config/load-config.ts';
import { RunLogWriter } from '../report/run-log.ts';
import { waitForOrphans } from '../safety/orphans.ts';
import { holderIdentity } from '../safety/run-lock.ts';
import { assertNotStopped } from './interrupted-error.ts';
import type { ChaosRunContext } from './provided.ts';

/** A spec needs a cluster in a project that was told to connect to none. */
export class NoClusterError extends Error {
  override readonly name = 'NoClusterError';
  readonly code = 'NO_CLUSTER';

  constructor() {
    super("the project connects to no cluster (cluster: 'none'); this spec must override the `cluster` fixture");
  }
}

const configs = new Map<string, Promise<ChaosConfig>>();
const clusters = new Map<string, ClusterUnderTest>();
let client: KubeClient | undefined;

/** The configuration of a run, loaded once per worker. */
export function configOf(run: ChaosRunContext): Promise<ChaosConfig> {
  let config = configs.get(run.root);
  if (!config) {
    config = loadChaosConfig(run.root);
    configs.set(run.root, config);
  }
  return config;
}

/**
 * The cluster of a profile, ready to be broken. One that this worker has used before is used again when it proves healthy.
 *
 * @throws {InterruptedError}, {NoClusterError}, and everything that `createOrReuseCluster` throws: unknown profile, guard, lock, no cluster in time.
 */
export async function provisionCluster(
  run: ChaosRunContext,
  profile: string,
  signal: AbortSignal,
): Promise<ClusterUnderTest> {
  assertNotStopped(run.runLogPath);
  if (!run.cluster) throw new NoClusterError();
  const config = await configOf(run);
  // a cluster with a fault of the file before in force would be taken for broken, and created anew
  await waitForOrphans(run.runFolder, { timeoutMs: config.waits.healed, signal });
  const { kubeconfig, context, labKubeSystemUid } = run.cluster;
  const log = new RunLogWriter(run.runLogPath);
  const known = clusters.get(profile);
  if (known && !known.revoked.aborted && (await known.health(signal)).healthy) return known;
  await known?.release();
  clusters.delete(profile);
  client ??= KubeClient.fromFile(kubeconfig, context === undefined ? {} : { context });
  const cluster = await createOrReuseCluster(client, profile, {
    config,
    labKubeSystemUid,
    holder: holderIdentity(run.runId),
    signal,
    onProgress: (text) => log.write({ type: 'status', text }),
  });
  clusters.set(profile, cluster);
  return cluster;
}

/** Names of the profiles, for messages. */
export const profileNames: readonly string[] = Object.keys(profiles);
