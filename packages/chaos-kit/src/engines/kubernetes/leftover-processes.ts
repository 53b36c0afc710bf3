import type { EngineContext, Leftover } from '../engine.ts';
import { endSessionsStep } from './exhaust-connections.ts';
import { askReadyInstances, faultSessionPrefix, sqlText } from './fault-session.ts';
import { resumeReplayStep } from './pause-replay.ts';
import { stoppedPostmasters } from './signal-postmaster.ts';

interface Row {
  paused: boolean;
  sessions: string[];
}

const sql = `SELECT
  CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END AS paused,
  ARRAY(SELECT DISTINCT application_name FROM pg_stat_activity WHERE starts_with(application_name, ${sqlText(faultSessionPrefix)})) AS sessions`;

/**
 * Postmasters that are stopped, sessions of faults, and standbys whose replay is paused. A cluster that is not there has
 * none.
 */
export async function leftoverProcesses(context: EngineContext, signal: AbortSignal): Promise<Leftover[]> {
  const { kube, cluster } = context;
  const stopped = await stoppedPostmasters(context, signal);
  const silent = stopped.map(({ instance }) => instance);
  const found = await askReadyInstances<Row>(kube, cluster, sql, signal, silent);
  const sessions = found.flatMap(({ instance, uid, rows }) =>
    rows.flatMap(({ paused, sessions: names }) => {
      const pod = { namespace: cluster.namespace, name: instance, uid };
      const waiting = names[0] ?? faultSessionPrefix;
      return [
        ...(paused
          ? [{ what: `replay is paused on ${cluster.namespace}/${instance}`, undo: resumeReplayStep(pod, waiting) }]
          : []),
        ...names.map((application) => ({
          what: `sessions ${application} on ${cluster.namespace}/${instance}`,
          undo: endSessionsStep(context, application),
        })),
      ];
    }),
  );
  return [...stopped.map(({ leftover }) => leftover), ...sessions];
}
