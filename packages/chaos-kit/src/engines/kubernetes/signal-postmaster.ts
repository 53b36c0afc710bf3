import {
  execOk,
  ExecFailedError,
  ExecStartError,
  type ExecTarget,
  findPodByUid,
  type KubeClient,
  listInstances,
  NotFoundError,
  PGDATA,
  PodReplacedError,
  POSTGRES_CONTAINER,
  signalPostmaster as sendSignal,
} from '@cnpg-chaos/cnpg-utils';
import { type PodTarget, TargetChangedError } from '../../targets/target.ts';
import { EngineError } from '../engine-error.ts';
import type { Action, EngineContext, Leftover, UndoEntry, UndoStep } from '../engine.ts';
import { retryTransient } from '../retry-transient.ts';

/** Name of the undo that lets a stopped postmaster go on. */
export const continuePostmasterKind = 'continue-postmaster';

/** Signals that a postmaster can be sent from inside of its container. */
export type PostmasterSignal = 'KILL' | 'STOP' | 'TERM' | 'INT' | 'QUIT' | 'HUP';

// Whatever happens to us, it goes on at its time to live. The pid is that of a postmaster: nothing else is in this file.
const wakeLater = `
read -r pid < "$1/postmaster.pid" || exit 3
( sleep "$2"; kill -s CONT "$pid" ) </dev/null >/dev/null 2>&1 &
exit 0`;

const goOn = `
read -r pid < "$1/postmaster.pid" || exit 0
kill -s CONT "$pid" 2>/dev/null
exit 0`;

const isStopped = `
read -r pid < "$1/postmaster.pid" || exit 0
while read -r name value rest; do [ "$name" = State: ] && echo "$value"; done < "/proc/$pid/status"
exit 0`;

/**
 * Sends a signal to the postmaster of an instance by exec. The instance manager, process 1, cannot be reached this way: the
 * kernel shields it. `STOP` lasts until it is undone: connections are accepted and nobody answers, while sessions that
 * are open go on. The others happen once: after them the container ends, or the server restarts.
 */
export function signalPostmaster(target: PodTarget, signalName: PostmasterSignal): Action {
  const { namespace, name, uid } = target;
  const container = { namespace, pod: name, container: POSTGRES_CONTAINER };
  return {
    summary: `SIG${signalName} to the postmaster of ${namespace}/${name}`,
    plan: ({ kube, ttlMs }) => ({
      undo: signalName === 'STOP' ? [continueStep({ namespace, name, uid })] : [],
      async act(signal) {
        try {
          if (signalName === 'STOP') {
            await execOk(kube, container, ['sh', '-c', wakeLater, 'sh', PGDATA, String(ttlMs / 1000)], { signal });
          }
          const { pid, confirmed } = await sendSignal(kube, target, { signalName, signal });
          return { pid, confirmed, signal: signalName };
        } catch (cause) {
          if (cause instanceof PodReplacedError) throw new TargetChangedError(target, 'is gone', { cause });
          if (!(cause instanceof ExecFailedError)) throw cause;
          throw new EngineError('kubernetes', `no postmaster runs in ${namespace}/${name}`, { cause });
        }
      },
    }),
  };
}

function continueStep(pod: { namespace: string; name: string; uid: string }): UndoStep {
  return { kind: continuePostmasterKind, data: { ...pod } };
}

/** Lets a stopped postmaster go on. */
export async function continuePostmaster(
  kube: KubeClient,
  entry: Pick<UndoEntry, 'data'>,
  signal: AbortSignal,
): Promise<string> {
  const pod = podOf(entry);
  const what = `pod ${pod.namespace}/${pod.name}`;
  if ((await retryTransient(() => findPodByUid(kube, pod, { signal }), signal)) === undefined) return `${what} is gone`;
  const container = { namespace: pod.namespace, pod: pod.name, container: POSTGRES_CONTAINER };
  const command = ['sh', '-c', goOn, 'sh', PGDATA];
  await retryTransient(() => execOk(kube, container, command, { timeoutMs: 10_000, signal }), signal);
  return `${what}: its postmaster goes on`;
}

/** What a person would type. */
export function continuePostmasterCommand(entry: Pick<UndoEntry, 'data'>): string {
  const { namespace, name } = podOf(entry);
  return `kubectl -n ${namespace} exec ${name} -c ${POSTGRES_CONTAINER} -- sh -c 'kill -CONT $(head -1 ${PGDATA}/postmaster.pid)'`;
}

/** Postmasters that are stopped, by instance; an instance whose container does not run has none. */
export async function stoppedPostmasters(
  { kube, cluster }: Pick<EngineContext, 'kube' | 'cluster'>,
  signal: AbortSignal,
): Promise<{ instance: string; leftover: Leftover }[]> {
  const { namespace } = cluster;
  const instances = await listInstances(kube, cluster, { signal });
  const found = await Promise.all(
    instances
      .filter(({ pod }) => pod.running && !pod.terminating)
      .map(async ({ name, pod }) => {
        const container = { namespace, pod: pod.name, container: POSTGRES_CONTAINER };
        const command = ['sh', '-c', isStopped, 'sh', PGDATA];
        if ((await stateOf(kube, container, command, signal)) !== 'T') return [];
        const undo = continueStep({ namespace, name: pod.name, uid: pod.uid });
        return [{ instance: name, leftover: { what: `the postmaster of ${namespace}/${name} is stopped`, undo } }];
      }),
  );
  return found.flat();
}

async function stateOf(
  kube: KubeClient,
  container: ExecTarget,
  command: string[],
  signal: AbortSignal,
): Promise<string> {
  try {
    return (await execOk(kube, container, command, { timeoutMs: 10_000, signal })).stdout.trim();
  } catch (error) {
    // The container has just ended: nothing stands still in it.
    if (error instanceof ExecStartError || error instanceof NotFoundError) return '';
    throw error;
  }
}

function podOf({ data }: Pick<UndoEntry, 'data'>): { namespace: string; name: string; uid: string } {
  const { namespace, name, uid } = data;
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof uid !== 'string') {
    throw new EngineError('kubernetes', `undo data lacks namespace, name or uid: ${JSON.stringify(data)}`);
  }
  return { namespace, name, uid };
}
