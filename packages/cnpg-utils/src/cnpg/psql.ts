import { execOk, type ExecOptions } from '../kube/exec.ts';
import { ExecError, ExecFailedError } from '../kube/exec-errors.ts';
import type { KubeClient } from '../kube/client.ts';
import type { NamespacedName } from '../kube/refs.ts';
import { POSTGRES_CONTAINER } from './constants.ts';

/** Options of {@link psqlRows}. */
export interface PsqlOptions extends Omit<ExecOptions, 'stdin'> {
  /** @default 'postgres' */
  database?: string;
  /** Put the SQLSTATE before the text of an error, as in `XX001: invalid page`. @default false */
  sqlStates?: boolean;
}

/** A query failed inside an instance pod. */
export class PsqlError extends Error {
  override readonly name = 'PsqlError';
  readonly code = 'CNPG_PSQL';
}

/**
 * Runs one query as superuser inside an instance's pod, over its local socket, and returns the rows. Works although
 * CloudNativePG gives nobody the superuser's password by default. Only for looking: it takes a tenth of a second and
 * depends on the API server and the kubelet.
 *
 * @param sql one SELECT (or other query that yields rows) without a final semicolon
 * @throws PsqlError when PostgreSQL refuses it or cannot be reached; ExecError and KubeError as `exec`
 */
export async function psqlRows<Row>(
  kube: KubeClient,
  pod: NamespacedName,
  sql: string,
  options: PsqlOptions = {},
): Promise<Row[]> {
  const stdout = await psql(kube, pod, `SELECT coalesce(json_agg(q), '[]'::json) FROM (${sql}) AS q`, options);
  return JSON.parse(stdout) as Row[];
}

/**
 * Runs one command as superuser inside an instance's pod, such as one that creates an extension. Yields no rows.
 *
 * @throws PsqlError when PostgreSQL refuses it or cannot be reached; ExecError and KubeError as `exec`
 */
export async function psqlCommand(
  kube: KubeClient,
  pod: NamespacedName,
  sql: string,
  options: PsqlOptions = {},
): Promise<void> {
  await psql(kube, pod, sql, options);
}

async function psql(kube: KubeClient, pod: NamespacedName, sql: string, options: PsqlOptions): Promise<string> {
  const { database = 'postgres', sqlStates = false, ...execOptions } = options;
  const verbosity = sqlStates ? ['-v', 'VERBOSITY=verbose'] : [];
  const settings = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...verbosity];
  const command = ['psql', ...settings, '-U', 'postgres', '-d', database, '-c', sql];
  const target = { namespace: pod.namespace, pod: pod.name, container: POSTGRES_CONTAINER };
  try {
    const { stdout } = await execOk(kube, target, command, { timeoutMs: 10_000, ...execOptions });
    return stdout;
  } catch (error) {
    if (!(error instanceof ExecFailedError)) throw error;
    const said = error.stderr
      .replaceAll(/\s+/g, ' ')
      .trim()
      .replace(
        /^(?:psql: )?(?:error: )?(?:connection to server on socket "[^"]*" failed: )?(?:ERROR: {1,2}(?=[0-9A-Z]{5}: ))?/,
        '',
      );
    throw new PsqlError(
      `psql in pod ${pod.namespace}/${pod.name}: ${said === '' ? `exit code ${error.exitCode}` : said}`,
      {
        cause: error,
      },
    );
  }
}

/** Why an instance did not answer {@link psqlRows}, short enough for a sentence. */
export function psqlProblem(error: unknown): string {
  if (error instanceof ExecError) return error.problem;
  return error instanceof Error ? error.message : String(error);
}
