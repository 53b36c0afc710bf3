import { performance } from 'node:perf_hooks';
import type { ClusterUnderTest } from '@cnpg-chaos/chaos-kit';
import {
  appCredentials,
  closeClient,
  connect,
  type ConnectError,
  destroyClient,
  listInstances,
} from '@cnpg-chaos/cnpg-utils';

/** One look at what a client sees, through something that was opened before the fault and through something new. */
export interface Look {
  readonly before: Side;
  readonly fresh: Side;
  /** Share of datagrams that arrive in each direction, 0 to 1; only of probes between pods. */
  readonly delivered?: Delivered;
}

/** Share of datagrams that arrive, from the first side to the second (`to`) and back (`from`). */
export interface Delivered {
  readonly to: number;
  readonly from: number;
}

/** Whether it works, and what it said. */
export interface Side {
  readonly works: boolean;
  readonly what: string;
  /** What it took, in milliseconds. */
  readonly tookMs: number;
}

/** Looks at one thing again and again, without asking the engine. */
export interface Probe extends AsyncDisposable {
  look(): Promise<Look>;
  /** Opens anew what had been opened before, once the fault is healed. */
  reopen(): Promise<void>;
}

type Client = Awaited<ReturnType<typeof connect>>;

const connectMs = 2_000;
const queryMs = 2_000;

/** SQL over a session that was opened before, and over a new one each time. */
export async function sqlProbe(
  cluster: ClusterUnderTest,
  options: {
    /** Where to connect to, asked each time. Default: the `-rw` Service. */
    host?: () => Promise<string>;
    sql?: string;
    /** Whether the answer is a good one. Default: any is. */
    good?: (value: unknown) => boolean;
  },
): Promise<Probe> {
  const { sql = 'SELECT 1 AS value', good = () => true } = options;
  const open = async (): Promise<Client> => {
    const { user, password, database, ca, host: readWrite } = await appCredentials(cluster.kube, cluster);
    const host = (await options.host?.()) ?? readWrite;
    return connect({
      host,
      user,
      password,
      database,
      ca,
      applicationName: 'contract-probe',
      connectTimeoutMs: connectMs,
      queryTimeoutMs: queryMs,
    });
  };
  const ask = async (client: Client) => {
    const { rows } = await client.query<{ value: unknown }>(sql);
    const value = rows[0]?.value;
    return { works: good(value), what: `answer ${JSON.stringify(value)}` };
  };
  let session = await open();
  return {
    look: async () => {
      const [before, fresh] = await Promise.all([
        timed(() => ask(session)),
        timed(async () => {
          const client = await open();
          try {
            return await ask(client);
          } finally {
            await closeClient(client);
          }
        }),
      ]);
      return { before, fresh };
    },
    reopen: async () => {
      destroyClient(session);
      session = await open();
    },
    [Symbol.asyncDispose]: () => closeClient(session),
  };
}

/** Writes through the `-rw` Service. */
export function writeProbe(cluster: ClusterUnderTest): Promise<Probe> {
  return sqlProbe(cluster, { sql: 'SELECT txid_current()::text AS value' });
}

/** Reads from one instance, by its pod's address. */
export function instanceProbe(cluster: ClusterUnderTest, instance: string): Promise<Probe> {
  return sqlProbe(cluster, { host: () => addressOf(cluster, instance) });
}

/** The clock of an instance agrees with ours within two seconds. */
export function clockProbe(cluster: ClusterUnderTest, instance: string): Promise<Probe> {
  return sqlProbe(cluster, {
    host: () => addressOf(cluster, instance),
    sql: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS value',
    good: (value) => Math.abs(Number(value) - Date.now()) < 2_000,
  });
}

/** What was written on the primary is seen on a standby within a second. */
export async function replayProbe(cluster: ClusterUnderTest, instance: string): Promise<Probe> {
  const primary = await sqlProbe(cluster, {});
  const { user, password, database, ca, host } = await appCredentials(cluster.kube, cluster);
  const writer = await connect({ host, user, password, database, ca, applicationName: 'contract-writer' });
  await writer.query('CREATE TABLE IF NOT EXISTS contract_probe (at bigint)');
  await primary[Symbol.asyncDispose]();
  let written = 0;
  const reader = await sqlProbe(cluster, {
    host: () => addressOf(cluster, instance),
    sql: 'SELECT max(at)::text AS value FROM contract_probe',
    good: (value) => Number(value) >= written,
  });
  return {
    look: async () => {
      const next = Date.now();
      await writer.query('INSERT INTO contract_probe VALUES ($1)', [next]);
      written = next;
      let look = await reader.look();
      for (let tries = 0; tries < 10 && !(look.before.works && look.fresh.works); tries++) look = await reader.look();
      return look;
    },
    reopen: () => reader.reopen(),
    async [Symbol.asyncDispose]() {
      await writer.query('DROP TABLE IF EXISTS contract_probe').catch(() => {});
      await Promise.all([closeClient(writer), reader[Symbol.asyncDispose]()]);
    },
  };
}

/** As many standbys stream as the cluster should have. */
export function standbysProbe(cluster: ClusterUnderTest, wanted: number): Promise<Probe> {
  return sqlProbe(cluster, {
    sql: 'SELECT count(*)::int AS value FROM pg_stat_get_wal_senders()',
    good: (value) => value === wanted,
  });
}

/** Address of an instance's pod now. @throws when it has none */
export async function addressOf(cluster: ClusterUnderTest, instance: string): Promise<string> {
  const found = (await listInstances(cluster.kube, cluster)).find(({ name }) => name === instance);
  if (found?.pod.ip === undefined) throw new Error(`instance ${instance} has no address`);
  return found.pod.ip;
}

/** What came of asking, and how long it took. An error is no answer. */
export async function timed(ask: () => Promise<{ works: boolean; what: string }>): Promise<Side> {
  const startedAt = performance.now();
  try {
    return { ...(await ask()), tookMs: performance.now() - startedAt };
  } catch (error) {
    const { message } = error as ConnectError;
    return { works: false, what: message, tookMs: performance.now() - startedAt };
  }
}
