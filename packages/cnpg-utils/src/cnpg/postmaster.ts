import { exec } from '../kube/exec.ts';
import { ExecConnectionLostError, ExecFailedError } from '../kube/exec-errors.ts';
import type { KubeClient } from '../kube/client.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { PGDATA, POSTGRES_CONTAINER } from './constants.ts';
import { findPodByUid } from './pods.ts';

/** Options of {@link signalPostmaster}. */
export interface SignalPostmasterOptions extends CallOptions {
  /** Signal by its name without `SIG`. @default 'KILL' */
  signalName?: 'KILL' | 'STOP' | 'CONT' | 'TERM' | 'INT' | 'QUIT' | 'HUP';
}

/** What is known of a signal that was sent. */
export interface PostmasterSignalled {
  /** Process of the postmaster inside its container. */
  pid: number;
  /** False: the connection ended before the command did. The container may have died of the signal by then. */
  confirmed: boolean;
}

/** The pod of that name is gone, or another one has its name now. */
export class PodReplacedError extends Error {
  override readonly name = 'PodReplacedError';
  readonly code = 'CNPG_POD_REPLACED';
}

// The pid is read, shown and signalled by one shell, so that it cannot be another process's by then.
const SCRIPT = `
read -r pid < "$1/postmaster.pid" || exit 3
[ "$pid" -gt 1 ] || exit 4
echo "$pid"
kill -s "$2" "$pid"`;

/**
 * Sends a signal to the postmaster of an instance, once. It is found by its pid file: process 1 of the container is the
 * instance manager, which the kernel protects from signals sent inside.
 *
 * @param pod of the instance, with the UID it must have
 * @throws PodReplacedError when the pod has another UID; ExecFailedError when no postmaster runs (exit code 3 or 4)
 * @throws ExecError and KubeError as `exec`: the signal may have been sent nevertheless
 */
export async function signalPostmaster(
  kube: KubeClient,
  pod: NamespacedName & { uid: string },
  options: SignalPostmasterOptions = {},
): Promise<PostmasterSignalled> {
  const { signalName = 'KILL', ...call } = options;
  // A command is sent to a name; this leaves a gap of one round trip.
  if ((await findPodByUid(kube, pod, call)) === undefined) {
    throw new PodReplacedError(`pod ${pod.namespace}/${pod.name} with UID ${pod.uid} is gone; nothing was signalled`);
  }
  const target = { namespace: pod.namespace, pod: pod.name, container: POSTGRES_CONTAINER };
  const command = ['sh', '-c', SCRIPT, 'sh', PGDATA, signalName];
  try {
    const result = await exec(kube, target, command, call);
    if (result.exitCode !== 0) throw new ExecFailedError(target, command, result.exitCode, result);
    return { pid: Number(result.stdout), confirmed: true };
  } catch (error) {
    const pid = error instanceof ExecConnectionLostError ? Number.parseInt(error.stdout, 10) : Number.NaN;
    if (Number.isNaN(pid)) throw error;
    return { pid, confirmed: false };
  }
}

/** Kills the postmaster of an instance with SIGKILL, once; see {@link signalPostmaster}. */
export async function killPostmaster(
  kube: KubeClient,
  pod: NamespacedName & { uid: string },
  options: CallOptions = {},
): Promise<PostmasterSignalled> {
  return await signalPostmaster(kube, pod, { ...options, signalName: 'KILL' });
}
