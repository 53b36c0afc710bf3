import {
  ExecError,
  getCluster,
  isFenced,
  isTransientKubeError,
  type KubeClient,
  listInstances,
  NotFoundError,
  PsqlError,
  psqlRows,
  sleep,
} from '@cnpg-chaos/cnpg-utils';

/** Start of `application_name` of every session that belongs to a fault; the end is the fault's id. */
export const faultSessionPrefix = 'cnpg-chaos-fault/';

/** `application_name` of the sessions of a fault. */
export function faultSession(faultId: string): string {
  return `${faultSessionPrefix}${faultId}`;
}

/** A text as an SQL literal. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Ends the sessions of that name on one instance. Returns how many there were. */
export async function endSessions(
  kube: KubeClient,
  pod: { namespace: string; name: string },
  application: string,
  signal: AbortSignal,
): Promise<number> {
  const sql = `SELECT count(pg_terminate_backend(pid))::int AS ended FROM pg_stat_activity WHERE application_name = ${sqlText(application)}`;
  const [row] = await psqlRows<{ ended: number }>(kube, pod, sql, { signal });
  return row?.ended ?? 0;
}

/** What an undo waits out: besides the API server a PostgreSQL that is starting, or has no connection left for the moment. */
export function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof PsqlError || error instanceof ExecError || isTransientKubeError(error);
}

const looks = 5;
const pauseMs = 1_000;

/**
 * Asks every instance that is ready and not fenced. Others are left out: a PostgreSQL that does not run has no sessions,
 * and forgets that its replay was paused.
 *
 * @param except instances of which it is known that they cannot answer
 * @throws when one that stays ready cannot be asked
 */
export async function askReadyInstances<Row>(
  kube: KubeClient,
  cluster: { readonly namespace: string; readonly name: string },
  sql: string,
  signal: AbortSignal,
  except: readonly string[] = [],
): Promise<{ instance: string; uid: string; rows: Row[] }[]> {
  // A pod stays ready for a while when its PostgreSQL has just ended.
  for (let look = 1; ; look++) {
    const object = await getCluster(kube, cluster, { signal }).catch((error: unknown) => {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    });
    if (object === undefined) return [];
    const instances = await listInstances(kube, cluster, { signal });
    // a fenced pod stays ready for half a minute
    const answers = (name: string) => !except.includes(name) && !isFenced(object, name);
    const ready = instances.filter(({ name, pod }) => pod.ready && !pod.terminating && answers(name));
    try {
      return await Promise.all(
        ready.map(async ({ name, pod }) => {
          const rows = await psqlRows<Row>(kube, { namespace: cluster.namespace, name: pod.name }, sql, { signal });
          return { instance: name, uid: pod.uid, rows };
        }),
      );
    } catch (error) {
      if (look === looks) throw error;
      await sleep(pauseMs, signal);
    }
  }
}
