import type { EngineContext, Leftover } from '../engine.ts';
import { endSessionsStep } from './exhaust-connections.ts';
import { askReadyInstances, faultSessionPrefix, sqlText } from './fault-session.ts';
import { resumeReplayStep } from './pause-replay.ts';

interface Row {
  paused: boolean;
  sessions: string[];
}

const sql = `SELECT
  CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END AS paused,
  ARRAY(SELECT DISTINCT application_name FROM pg_stat_activity WHERE starts_with(application_name, ${sqlText(faultSessionPrefix)})) AS sessions`;

/** Sessions of faults, and standbys whose replay is paused. A cluster that is not there has none. */
export async function leftoverSessions(context: EngineContext, signal: AbortSignal): Promise<Leftover[]> {
  const { kube, cluster } = context;
  const found = await askReadyInstances<Row>(kube, cluster, sql, signal);
  return found.flatMap(({ instance, uid, rows }) =>
    rows.flatMap(({ paused, sessions }) => {
      const pod = { namespace: cluster.namespace, name: instance, uid };
      const waiting = sessions[0] ?? faultSessionPrefix;
      return [
        ...(paused
          ? [{ what: `replay is paused on ${cluster.namespace}/${instance}`, undo: resumeReplayStep(pod, waiting) }]
          : []),
        ...sessions.map((application) => ({
          what: `sessions ${application} on ${cluster.namespace}/${instance}`,
          undo: endSessionsStep(context, application),
        })),
      ];
    }),
  );
}
