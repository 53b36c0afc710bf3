import { execOk, type ExecOptions } from '../kube/exec.ts';
import { ExecError, ExecFailedError } from '../kube/exec-errors.ts';
import type { KubeClient } from '../kube/client.ts';
import type { NamespacedName } from '../kube/refs.ts';
import { POSTGRES_CONTAINER } from './constants.ts';

/** Options of {@link psqlRows}. */
export interface PsqlOptions extends Omit<ExecOptions, 'stdin'> {
  /** @default 'postgres' */
  database?: string;
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
  const { database = 'postgres', ...execOptions } = options;
  const query = `SELECT coalesce(json_agg(q), '[]'::json) FROM (${sql}) AS q`;
  const command = [
    'psql',
    '-X',
    '-q',
    '-A',
    '-t',
    '-v',
    'ON_ERROR_STOP=1',
    '-U',
    'postgres',
    '-d',
    database,
    '-c',
    query,
  ];
  const target = { namespace: pod.namespace, pod: pod.name, container: POSTGRES_CONTAINER };
  try {
    const { stdout } = await execOk(kube, target, command, { timeoutMs: 10_000, ...execOptions });
    return JSON.parse(stdout) as Row[];
  } catch (error) {
    if (!(error instanceof ExecFailedError)) throw error;
    const said = error.stderr
      .replaceAll(/\s+/g, ' ')
      .trim()
      .replace(/^(?:psql: )?(?:error: )?(?:connection to server on socket "[^"]*" failed: )?/, '');
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
