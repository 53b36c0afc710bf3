import { execOk, type ExecOptions } from '../kube/exec.ts';
import type { KubeClient } from '../kube/client.ts';
import type { NamespacedName } from '../kube/refs.ts';
import { PGDATA, POSTGRES_CONTAINER } from './constants.ts';
import { PsqlError } from './psql.ts';

/** What `pg_controldata` tells of a data directory, by the names that it uses itself. */
export type ControlData = Readonly<Record<string, string>>;

/**
 * Reads the control file of an instance, by a command in its pod: over HTTP only the operator may since 1.30. PostgreSQL
 * need not run.
 *
 * @throws PsqlError when the answer is none; ExecError and KubeError as `exec`
 */
export async function controlData(
  kube: KubeClient,
  pod: NamespacedName,
  options: Omit<ExecOptions, 'stdin'> = {},
): Promise<ControlData> {
  const target = { namespace: pod.namespace, pod: pod.name, container: POSTGRES_CONTAINER };
  const { stdout } = await execOk(kube, target, ['pg_controldata', '-D', PGDATA], { timeoutMs: 10_000, ...options });
  const data = parseControlData(stdout);
  if (data['Database system identifier'] === undefined) {
    throw new PsqlError(`pg_controldata in pod ${pod.namespace}/${pod.name} answered: ${stdout.trim().slice(0, 200)}`);
  }
  return data;
}

/** Lines such as `Latest checkpoint's TimeLineID:       3`. */
export function parseControlData(text: string): ControlData {
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const { name, value } = /^(?<name>[^:]+):\s+(?<value>.*)$/.exec(line)?.groups ?? {};
      return name === undefined || value === undefined ? [] : [[name, value.trim()]];
    }),
  );
}
