import { execOk, findPodByUid, type KubeClient, POSTGRES_CONTAINER, psqlRows } from '@cnpg-chaos/cnpg-utils';
import { type PodTarget, TargetChangedError } from '../../targets/target.ts';
import { EngineError } from '../engine-error.ts';
import type { Action, UndoEntry, UndoStep } from '../engine.ts';
import { retryTransient } from '../retry-transient.ts';
import { endSessions, faultSession, isWorthAnotherTry } from './fault-session.ts';

/** Name of the undo that lets a standby replay again. */
export const resumeReplayKind = 'resume-replay';

// The session that ends the fault at its time to live is there before the fault; psql stops at the first of its commands
// that fails, so ending the session keeps it from resuming what somebody else paused later.
const script = `
PGAPPNAME="$1" psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres -c "SET statement_timeout = 0" \\
  -c "SELECT pg_sleep($2)" -c "SELECT pg_wal_replay_resume()" </dev/null >/dev/null 2>&1 &
exec psql -X -q -A -t -v ON_ERROR_STOP=1 -U postgres -d postgres -c "SELECT pg_wal_replay_pause()"`;

/** Pauses the replay of WAL on a standby: it goes on receiving and acknowledging, but shows nothing new. */
export function pauseReplay(target: PodTarget): Action {
  const { namespace, name, uid } = target;
  return {
    summary: `pause replay on ${namespace}/${name}`,
    plan({ kube, faultId, ttlMs }) {
      const application = faultSession(faultId);
      return {
        undo: [resumeReplayStep({ namespace, name, uid }, application)],
        async act(signal) {
          if ((await findPodByUid(kube, target, { signal })) === undefined)
            throw new TargetChangedError(target, 'is gone');
          const container = { namespace, pod: name, container: POSTGRES_CONTAINER };
          const command = ['sh', '-c', script, 'sh', application, String(ttlMs / 1000)];
          await execOk(kube, container, command, { signal, timeoutMs: 15_000 });
          return { paused: name };
        },
      };
    },
  };
}

/** The undo of a paused replay. */
export function resumeReplayStep(pod: { namespace: string; name: string; uid: string }, application: string): UndoStep {
  return { kind: resumeReplayKind, data: { ...pod, application } };
}

/** Lets a standby replay again. */
export async function resumeReplay(
  kube: KubeClient,
  entry: Pick<UndoEntry, 'data'>,
  signal: AbortSignal,
): Promise<string> {
  const { pod, application } = parse(entry);
  const what = `pod ${pod.namespace}/${pod.name}`;
  if ((await retryTransient(() => findPodByUid(kube, pod, { signal }), signal)) === undefined) {
    return `${what} is gone, and with it that its replay was paused`;
  }
  await retryTransient(() => endSessions(kube, pod, application, signal), signal, isWorthAnotherTry);
  const sql = `SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_wal_replay_resume()::text, '') || 'resumed' ELSE 'is no standby any more' END AS how`;
  const [row] = await retryTransient(
    () => psqlRows<{ how: string }>(kube, pod, sql, { signal }),
    signal,
    isWorthAnotherTry,
  );
  return `${what}: ${row?.how === 'resumed' ? 'replay resumed' : (row?.how ?? 'no answer')}`;
}

/** What a person would type. */
export function resumeReplayCommand(entry: Pick<UndoEntry, 'data'>): string {
  const { pod } = parse(entry);
  return `kubectl -n ${pod.namespace} exec ${pod.name} -c ${POSTGRES_CONTAINER} -- psql -c 'SELECT pg_wal_replay_resume()'`;
}

function parse({ data }: Pick<UndoEntry, 'data'>) {
  const { namespace, name, uid, application } = data;
  if (
    typeof namespace !== 'string' ||
    typeof name !== 'string' ||
    typeof uid !== 'string' ||
    typeof application !== 'string'
  ) {
    throw new EngineError('kubernetes', `undo data lacks namespace, name, uid or application: ${JSON.stringify(data)}`);
  }
  return { pod: { namespace, name, uid }, application };
}
