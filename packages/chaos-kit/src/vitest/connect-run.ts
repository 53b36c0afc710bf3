import { KubeClient, testDepth } from '@cnpg-chaos/cnpg-utils';
import { namespaceOf } from '../cluster/create-or-reuse.ts';
import { profiles } from '../cluster/profile.ts';
import type { ChaosConfig } from '../config/chaos-config.ts';
import { loadChaosConfig } from '../config/load-config.ts';
import { chooseProvider } from '../provider/choose-provider.ts';
import type { ConnectedCluster } from '../provider/provider.ts';
import type { RunReport } from '../report/schema.ts';
import { Guard } from '../safety/guard.ts';
import { preflight } from '../safety/preflight.ts';
import { loadEngines } from '../safety/load-engines.ts';
import { renderSweep } from '../safety/render-sweep.ts';
import { listRuns } from '../safety/run-folder.ts';
import { sweep } from '../safety/sweep.ts';
import { releaseRunLocks } from '../safety/run-lock.ts';
import type { ChaosRunContext } from './provided.ts';

/** A cluster that a run may break. */
export interface RunConnection {
  /** For the workers. */
  cluster: NonNullable<ChaosRunContext['cluster']>;
  /** For the report. */
  report: NonNullable<RunReport['cluster']>;
  /** Namespaces that it may take for itself. */
  namespaces: readonly string[];
  close(): Promise<void>;
}

/**
 * Finds or starts the cluster that `chaos.config.ts` names, and makes sure that it may be broken.
 * @throws {GuardError} when it is neither the lab nor on the list, {InvalidEnvironmentError} for a `TEST_DEPTH` that is none;
 * nothing was touched.
 */
export async function connectRun(o: {
  root: string;
  runId: string;
  /** Module of the engines; see `defineChaosProject`. */
  engines: string | undefined;
  signal: AbortSignal;
  /** Told what is worth a line on the terminal. */
  say: (text: string) => void;
}): Promise<RunConnection> {
  testDepth();
  const config = await loadChaosConfig(o.root);
  // The lab shows its steps on the terminal by itself.
  const connected = await chooseProvider(config).connect({ signal: o.signal });
  const kube = clientOf(connected);
  try {
    const guard = new Guard({ kube, config, labKubeSystemUid: connected.labKubeSystemUid });
    const kubeSystemUid = await guard.assertClusterAllowed(o.signal);
    await preflight(kube, { config, signal: o.signal });
    await sweepBefore(connected, kubeSystemUid, config, o);
    const { gitVersion } = await kube.version({ signal: o.signal });
    return {
      cluster: {
        provider: connected.provider,
        kubeconfig: connected.kubeconfig,
        kubeSystemUid,
        ...(connected.context === undefined ? {} : { context: connected.context }),
        isLab: connected.isLab,
        ...(connected.labName === undefined ? {} : { labName: connected.labName }),
        ...(connected.labKubeSystemUid === undefined ? {} : { labKubeSystemUid: connected.labKubeSystemUid }),
      },
      report: { provider: connected.provider, server: kube.server, kubeSystemUid, kubernetesVersion: gitVersion },
      namespaces: Object.keys(profiles).map(namespaceOf),
      close: () => releaseLocks(connected, o.runId),
    };
  } finally {
    await kube.close();
  }
}

// What a dead run left would be taken for a defect of the cluster.
async function sweepBefore(
  { kubeconfig, context, labName }: ConnectedCluster,
  kubeSystemUid: string,
  config: ChaosConfig,
  o: { engines: string | undefined; signal: AbortSignal; say: (text: string) => void },
): Promise<void> {
  const access = {
    kubeconfig,
    kubeSystemUid,
    ...(context === undefined ? {} : { context }),
    ...(labName === undefined ? {} : { labName }),
  };
  const result = await sweep({
    runs: listRuns(),
    cluster: { access, config },
    engines: await loadEngines(o.engines),
    signal: o.signal,
  });
  if (result.things.length > 0) o.say(`swept before the run:\n${renderSweep(result)}`);
}

function clientOf(connected: ConnectedCluster): KubeClient {
  const { kubeconfig, context } = connected;
  return KubeClient.fromFile(kubeconfig, context === undefined ? {} : { context });
}

// Workers of one run share its locks and leave them to the end of the run, so that nobody slips in between two files.
async function releaseLocks(connected: ConnectedCluster, runId: string): Promise<void> {
  const kube = clientOf(connected);
  try {
    await releaseRunLocks(kube, Object.keys(profiles).map(namespaceOf), runId);
  } finally {
    await kube.close();
  }
}
