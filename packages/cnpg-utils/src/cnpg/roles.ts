import type { KubeClient } from '../kube/client.ts';
import type { NamespacedName } from '../kube/refs.ts';
import { getCluster } from './cluster.ts';
import { names } from './constants.ts';
import { primaryLease } from './lease.ts';
import { listInstances, type Instance } from './instances.ts';
import { psqlProblem, psqlRows } from './psql.ts';
import { serviceEndpoints } from './services.ts';

/** What PostgreSQL itself says about one instance. */
export type RecoveryState =
  | { state: 'primary'; timeline: number }
  | { state: 'standby'; timeline: number }
  /** Its container does not run, so it takes no writes. */
  | { state: 'down'; why: string }
  | { state: 'unknown'; why: string };

/** The six places in which a cluster says who its primary is. Undefined: this place names nobody. */
export interface PrimarySources {
  /** `status.currentPrimary`, written by the promoted instance. */
  currentPrimary?: string;
  /** `status.targetPrimary`, written by the operator; `pending` while undecided. */
  targetPrimary?: string;
  /**
   * Holder of the primary's Lease. Undefined: there is no Lease, as before CloudNativePG 1.30, and it is not asked. Null:
   * there is one, and nobody holds it.
   */
  leaseHolder?: string | null;
  /** Instances labelled `cnpg.io/instanceRole=primary`, those being deleted left out. */
  labelled: string[];
  /** Instances behind the `-rw` service that get connections. An address of no instance is given as it is. */
  readWriteEndpoints: string[];
  /** `pg_is_in_recovery()` of each instance. */
  recovery: Record<string, RecoveryState>;
}

/** Who is primary, by every source, at about one point in time. */
export interface PrimaryTruth {
  /** The primary, when all sources name the same single instance. */
  agreed?: string;
  sources: PrimarySources;
  /** Instances that take writes. More than one is a split brain. */
  writable: string[];
  /** One sentence per source that disagrees, names nobody or several, or could not be asked. */
  disagreements: string[];
  /** When the question was asked and when the last answer was there, on the clock of `performance.now()`. */
  fromMs: number;
  toMs: number;
}

/** Options of {@link primaryTruth}. */
export interface PrimaryTruthOptions {
  signal?: AbortSignal;
  /** Time limit for the answer of each instance in milliseconds. @default 5000 */
  instanceTimeoutMs?: number;
}

/**
 * Asks all six sources who the primary is. Never fails because an instance does not answer: that is an answer, too.
 *
 * Only instances whose pods exist are asked. After a forced deletion (grace period 0) the old primary may run on for a
 * moment without a pod, and nobody can ask it any more.
 *
 * @throws KubeError when the API server does not answer
 */
export async function primaryTruth(
  kube: KubeClient,
  ref: NamespacedName,
  options: PrimaryTruthOptions = {},
): Promise<PrimaryTruth> {
  const fromMs = performance.now();
  const call = { timeoutMs: 10_000, ...(options.signal === undefined ? {} : { signal: options.signal }) };
  const [cluster, lease, instances, endpoints] = await Promise.all([
    getCluster(kube, ref, call),
    primaryLease(kube, ref, call),
    listInstances(kube, ref, call),
    serviceEndpoints(kube, { namespace: ref.namespace, name: names.readWriteService(ref.name) }, call),
  ]);
  const recovery = await askInstances(kube, ref, instances, options);
  const byIp = new Map(instances.flatMap(({ name, pod }) => (pod.ip === undefined ? [] : [[pod.ip, name] as const])));
  const { currentPrimary, targetPrimary } = cluster.status ?? {};
  const sources: PrimarySources = {
    ...(currentPrimary === undefined ? {} : { currentPrimary }),
    ...(targetPrimary === undefined ? {} : { targetPrimary }),
    ...(lease === undefined ? {} : { leaseHolder: lease.holder ?? null }),
    labelled: instances.filter(({ isPrimary, pod }) => isPrimary && !pod.terminating).map(({ name }) => name),
    readWriteEndpoints: endpoints.filter(({ ready }) => ready).map(({ ip }) => byIp.get(ip) ?? ip),
    recovery,
  };
  return { ...judgeSources(sources), sources, fromMs, toMs: performance.now() };
}

/** Compares the sources. Apart from asking them, so that it can be tested and used on recorded sources. */
export function judgeSources(sources: PrimarySources): Pick<PrimaryTruth, 'agreed' | 'writable' | 'disagreements'> {
  const writable = Object.entries(sources.recovery)
    .filter(([, { state }]) => state === 'primary')
    .map(([name]) => name);
  const claims: [source: string, claimed: string[]][] = [
    ['status.currentPrimary', sources.currentPrimary === undefined ? [] : [sources.currentPrimary]],
    ['status.targetPrimary', sources.targetPrimary === undefined ? [] : [sources.targetPrimary]],
    ...leaseClaim(sources.leaseHolder),
    ['the pods labelled primary', sources.labelled],
    ['the -rw service', sources.readWriteEndpoints],
    ['pg_is_in_recovery()', writable],
  ];
  const candidate = sources.currentPrimary;
  const disagreements = claims
    .filter(([, claimed]) => claimed.length !== 1 || claimed[0] !== candidate)
    .map(([source, claimed]) => {
      if (claimed.length === 0) return `${source} names no primary`;
      if (claimed.length > 1) return `${source} names ${claimed.length} primaries: ${claimed.join(', ')}`;
      return `${source} names ${claimed[0] ?? '?'}, status.currentPrimary names ${candidate ?? 'none'}`;
    });
  for (const [name, answer] of Object.entries(sources.recovery)) {
    // A silent instance might be a second primary; one whose container does not run is none.
    if (answer.state === 'unknown') disagreements.push(`${name} did not say whether it is in recovery: ${answer.why}`);
  }
  return {
    ...(disagreements.length === 0 && candidate !== undefined ? { agreed: candidate } : {}),
    writable,
    disagreements,
  };
}

function leaseClaim(holder: string | null | undefined): [source: string, claimed: string[]][] {
  return holder === undefined ? [] : [["the primary's lease", holder === null ? [] : [holder]]];
}

async function askInstances(
  kube: KubeClient,
  ref: NamespacedName,
  instances: Instance[],
  options: PrimaryTruthOptions,
): Promise<Record<string, RecoveryState>> {
  const answers = await Promise.all(
    instances.map(async ({ name, pod }): Promise<[string, RecoveryState]> => {
      if (!pod.running) return [name, { state: 'down', why: `pod ${pod.name} does not run PostgreSQL (${pod.phase})` }];
      return [name, await askInstance(kube, ref.namespace, pod.name, options)];
    }),
  );
  return Object.fromEntries(answers);
}

async function askInstance(
  kube: KubeClient,
  namespace: string,
  pod: string,
  options: PrimaryTruthOptions,
): Promise<RecoveryState> {
  const sql =
    'SELECT pg_is_in_recovery() AS recovering, (pg_control_checkpoint()).timeline_id AS checkpoint_timeline, ' +
    'CASE WHEN pg_is_in_recovery() THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS wal, ' +
    '(SELECT received_tli FROM pg_stat_wal_receiver) AS received';
  try {
    const rows = await psqlRows<{
      recovering: boolean;
      checkpoint_timeline: number;
      wal: string | null;
      received: number | null;
    }>(kube, { namespace, name: pod }, sql, {
      timeoutMs: options.instanceTimeoutMs ?? 5_000,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const row = rows[0];
    if (row === undefined) return { state: 'unknown', why: 'no answer' };
    const timeline = row.wal === null ? (row.received ?? row.checkpoint_timeline) : Number.parseInt(row.wal, 16);
    return { state: row.recovering ? 'standby' : 'primary', timeline };
  } catch (error) {
    options.signal?.throwIfAborted();
    return { state: 'unknown', why: psqlProblem(error) };
  }
}
