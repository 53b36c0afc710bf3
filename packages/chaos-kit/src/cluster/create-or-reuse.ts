import {
  appCredentials,
  type Cluster,
  ConflictError,
  createCluster,
  deleteCluster,
  findCluster,
  type KubeClient,
  waitForClusterReady,
  waitForHealthy,
  waitForOperatorReady,
  WaitTimeoutError,
} from '@cnpg-chaos/cnpg-utils';
import type { ChaosConfig } from '../config/chaos-config.ts';
import { Guard } from '../safety/guard.ts';
import { GuardError } from '../safety/guard-error.ts';
import { enabledLabel, managedByLabels, manifestHashAnnotation } from '../safety/labels.ts';
import { RunLock } from '../safety/run-lock.ts';
import { clusterManifest } from './cluster-manifest.ts';
import { ClusterUnderTest } from './cluster-under-test.ts';
import { type Profile, type ProfileName, resolveProfile } from './profile.ts';

/** Options of `createOrReuseCluster`. */
export interface CreateOrReuseOptions {
  readonly config: ChaosConfig;
  /** UID of `kube-system` as the lab recorded it; undefined when the cluster is no lab. */
  readonly labKubeSystemUid?: string | undefined;
  /** Instances, when the profile's number will not do. */
  readonly instances?: number | undefined;
  /** Identity of the run for its lock. Default: unique. See `holderIdentity`. */
  readonly holder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told what is being done, one line at a time. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** Name of every cluster that the kit creates; profiles are told apart by their namespace. */
const clusterName = 'pg';

/** Namespace of a profile's cluster. */
export function namespaceOf(profile: string): string {
  return `cnpg-chaos-${profile}`;
}

/**
 * Gives the cluster of a profile, for this run alone. One that is there, has the wanted shape and is healthy (or becomes
 * so within the `clusterReuse` wait) is used again; any other is deleted and created anew.
 *
 * @throws ProfileError, GuardError, OperatorNotFoundError or RunLockedError before anything is touched; WaitTimeoutError
 * when a new cluster does not become healthy.
 */
export async function createOrReuseCluster(
  kube: KubeClient,
  profileName: ProfileName | (string & {}),
  options: CreateOrReuseOptions,
): Promise<ClusterUnderTest> {
  const { config, signal, onProgress: say = () => {} } = options;
  const profile = resolveProfile(profileName, config, { instances: options.instances });
  const guard = new Guard({ kube, config, labKubeSystemUid: options.labKubeSystemUid });
  await guard.assertClusterAllowed(signal);
  // an experiment before may have cost the operator its leader: that passes, a missing operator does not
  await waitForOperatorReady(kube, {
    timeoutMs: config.waits.clusterReuse,
    namespace: config.operatorNamespace,
    onProgress: (state) => say(`operator: ${state}`),
    ...call(signal),
  });
  const namespace = namespaceOf(profile.name);
  await ensureNamespace(kube, namespace, signal);
  await guard.assertNamespaceAllowed(namespace, signal);
  const lock = await RunLock.acquire(kube, namespace, {
    ...(options.holder === undefined ? {} : { holder: options.holder }),
    ...call(signal),
  });
  try {
    const work = { kube, profile, config, namespace, say, signal };
    const reused = await reuse(work);
    if (!reused) await create(work);
    const ref = { namespace, name: clusterName };
    const credentials = await appCredentials(kube, ref, call(signal));
    const { operatorNamespace } = config;
    return new ClusterUnderTest({ kube, ...ref, profile, guard, lock, credentials, operatorNamespace, reused });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface Work {
  readonly kube: KubeClient;
  readonly profile: Profile;
  readonly config: ChaosConfig;
  readonly namespace: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

async function ensureNamespace(kube: KubeClient, name: string, signal: AbortSignal | undefined): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  if ((await kube.find({ ...namespace, name }, call(signal))) !== undefined) return;
  const labels = { ...managedByLabels, [enabledLabel]: 'true' };
  try {
    await kube.create({ ...namespace, metadata: { name, labels } }, call(signal));
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
  }
}

/** What to do with a cluster that is found. */
export type ReuseJudgement = 'create' | 'reuse' | 'recreate';

/**
 * Judges a cluster by who made it and by its shape; its health comes later.
 *
 * @throws GuardError when it is not one of ours.
 */
export function judgeReuse(found: Cluster | undefined, wanted: Cluster): ReuseJudgement {
  if (found === undefined) return 'create';
  const { namespace, name, labels, annotations, deletionTimestamp } = found.metadata ?? {};
  const [[label, value] = ['', '']] = Object.entries(managedByLabels);
  if (labels?.[label] !== value) {
    throw new GuardError(
      `cluster ${namespace ?? ''}/${name ?? ''} exists but was not created by this kit (no label ${label}=${value}); it is left alone`,
    );
  }
  if (deletionTimestamp !== undefined) return 'recreate';
  const same = annotations?.[manifestHashAnnotation] === wanted.metadata?.annotations?.[manifestHashAnnotation];
  return same ? 'reuse' : 'recreate';
}

async function reuse(work: Work): Promise<boolean> {
  const { kube, profile, config, namespace, say, signal } = work;
  const ref = { namespace, name: clusterName };
  const found = await findCluster(kube, ref, call(signal));
  const judgement = judgeReuse(found, clusterManifest(profile, namespace, clusterName));
  if (judgement === 'create') return false;
  if (judgement === 'reuse') {
    try {
      await waitForHealthy(kube, ref, {
        timeoutMs: config.waits.clusterReuse,
        operatorNamespace: config.operatorNamespace,
        onProgress: (state) => say(`cluster ${namespace}/${clusterName}: ${state}`),
        ...call(signal),
      });
      say(`cluster ${namespace}/${clusterName}: reused`);
      return true;
    } catch (error) {
      if (!(error instanceof WaitTimeoutError)) throw error;
      say(`cluster ${namespace}/${clusterName}: not healthy (${error.lastObserved}), creating it anew`);
    }
  } else {
    say(`cluster ${namespace}/${clusterName}: of another shape, creating it anew`);
  }
  await deleteCluster(kube, ref, call(signal));
  return false;
}

async function create(work: Work): Promise<void> {
  const { kube, profile, config, namespace, say, signal } = work;
  const ref = { namespace, name: clusterName };
  say(`cluster ${namespace}/${clusterName}: creating, profile ${profile.name}, ${profile.instances} instances`);
  await createCluster(kube, clusterManifest(profile, namespace, clusterName), call(signal));
  const startedMs = performance.now();
  const onProgress = (state: string) => say(`cluster ${namespace}/${clusterName}: ${state}`);
  await waitForClusterReady(kube, ref, { timeoutMs: config.waits.clusterReady, onProgress, ...call(signal) });
  const leftMs = Math.max(10_000, config.waits.clusterReady - (performance.now() - startedMs));
  const { operatorNamespace } = config;
  await waitForHealthy(kube, ref, { timeoutMs: leftMs, operatorNamespace, onProgress, ...call(signal) });
  say(`cluster ${namespace}/${clusterName}: ready`);
}

function call(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
