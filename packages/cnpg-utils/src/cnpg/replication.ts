import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import type { Instance } from './instances.ts';
import { psqlRows } from './psql.ts';

/** One standby as its primary sees it (`pg_stat_replication`). */
export interface StandbyReplication {
  name: string;
  /** `streaming` when all is well; `startup`, `catchup`, `backup`, `stopping`. */
  state: string;
  /** `async`, `potential`, `sync`, `quorum`. */
  syncState: string;
  /** WAL position that the standby has flushed. */
  flushLsn: string | null;
  replayLsn: string | null;
  /** Bytes that were sent to the standby and that it has not replayed yet. */
  replayLagBytes: number;
}

/** What PostgreSQL's primary says about replication. */
export interface ReplicationFacts {
  /** Instance that was asked. */
  askedAt: string;
  recovering: boolean;
  timeline: number;
  synchronousStandbyNames: string;
  standbys: StandbyReplication[];
}

/** What a standby says about where its WAL comes from (`pg_stat_wal_receiver`). */
export interface WalReceiver {
  /** `streaming` when all is well; undefined when there is no WAL receiver. */
  status?: string;
  /** Timeline of what it received last. */
  timeline?: number;
}

/** Options of the queries on instances. */
export interface ReplicationQueryOptions {
  signal?: AbortSignal;
  /** Time limit for the answer of each instance in milliseconds. @default 10000 */
  sqlTimeoutMs?: number;
}

const PRIMARY_SQL = `
  SELECT pg_is_in_recovery() AS recovering,
         CASE WHEN pg_is_in_recovery() THEN (pg_control_checkpoint()).timeline_id
              ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
         current_setting('synchronous_standby_names') AS synchronous_standby_names,
         (SELECT coalesce(json_agg(json_build_object(
            'name', application_name, 'state', state, 'syncState', sync_state,
            'flushLsn', flush_lsn, 'replayLsn', replay_lsn,
            'replayLagBytes', coalesce(pg_wal_lsn_diff(sent_lsn, replay_lsn), 0))), '[]'::json)
          FROM pg_stat_replication WHERE application_name NOT LIKE 'pg_basebackup%') AS standbys`;

/**
 * What the given instance says about replication. Meant for the primary; a standby answers, too.
 *
 * @throws PsqlError, ExecError, KubeError
 */
export async function replicationFacts(
  kube: KubeClient,
  ref: NamespacedName,
  instance: Instance,
  options: ReplicationQueryOptions = {},
): Promise<ReplicationFacts> {
  const row = await askOne<{
    recovering: boolean;
    timeline: number;
    synchronous_standby_names: string;
    standbys: StandbyReplication[];
  }>(kube, ref, instance, PRIMARY_SQL, options);
  return {
    askedAt: instance.name,
    recovering: row.recovering,
    timeline: row.timeline,
    synchronousStandbyNames: row.synchronous_standby_names,
    standbys: row.standbys,
  };
}

const RECEIVER_SQL = `
  SELECT (SELECT status FROM pg_stat_wal_receiver) AS status,
         (SELECT received_tli FROM pg_stat_wal_receiver) AS timeline`;

/**
 * What a standby says about its WAL receiver.
 *
 * @throws PsqlError, ExecError, KubeError
 */
export async function walReceiver(
  kube: KubeClient,
  ref: NamespacedName,
  instance: Instance,
  options: ReplicationQueryOptions = {},
): Promise<WalReceiver> {
  const { status, timeline } = await askOne<{ status: string | null; timeline: number | null }>(
    kube,
    ref,
    instance,
    RECEIVER_SQL,
    options,
  );
  return { ...(status === null ? {} : { status }), ...(timeline === null ? {} : { timeline }) };
}

async function askOne<Row>(
  kube: KubeClient,
  ref: NamespacedName,
  instance: Instance,
  sql: string,
  options: ReplicationQueryOptions,
): Promise<Row> {
  const [row] = await psqlRows<Row>(kube, { namespace: ref.namespace, name: instance.pod.name }, sql, {
    timeoutMs: options.sqlTimeoutMs ?? 10_000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (row === undefined) throw new TypeError('a query without FROM gave no row');
  return row;
}

/** Whether an instance is in recovery, that is, takes no writes. @throws PsqlError, ExecError, KubeError */
export async function isInRecovery(kube: KubeClient, pod: NamespacedName, options: CallOptions = {}): Promise<boolean> {
  const [row] = await psqlRows<{ recovering: boolean }>(kube, pod, 'SELECT pg_is_in_recovery() AS recovering', options);
  if (row === undefined) throw new TypeError('a query without FROM gave no row');
  return row.recovering;
}

/**
 * The timeline on which an instance is: that of the WAL which it writes or receives, or else of its last checkpoint.
 *
 * @throws PsqlError, ExecError, KubeError
 */
export async function timelineOf(kube: KubeClient, pod: NamespacedName, options: CallOptions = {}): Promise<number> {
  const sql = `SELECT CASE WHEN pg_is_in_recovery()
    THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver), (pg_control_checkpoint()).timeline_id)
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline`;
  const [row] = await psqlRows<{ timeline: number }>(kube, pod, sql, options);
  if (row === undefined) throw new TypeError('a query without FROM gave no row');
  return row.timeline;
}
