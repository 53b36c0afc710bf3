import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  closeClient,
  compareLsn,
  connect,
  ConnectError,
  destroyClient,
  formatLsn,
  parseLsn,
  sqlStateOf,
  timelineOfWalFile,
  type ConnectOptions,
} from '../src/index.ts';
import { PostgresServer } from './support/postgres-server.ts';
import { makeTestCertificate } from './support/test-certificates.ts';

let server: PostgresServer;
beforeAll(async () => {
  const [host] = inject('postgresHosts');
  if (host === undefined) throw new Error('the global setup gave no container');
  server = await PostgresServer.start(host, { max_connections: '10', superuser_reserved_connections: '3' });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function options(extra: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: server.address,
    port: server.port,
    user: 'app',
    password: 'secret',
    database: 'app',
    applicationName: 'cnpg-chaos-component',
    ca: server.certificate.cert,
    ...extra,
  };
}

async function failureOf(extra: Partial<ConnectOptions>): Promise<ConnectError> {
  const error: unknown = await connect(options(extra)).catch((caught: unknown) => caught);
  if (error instanceof ConnectError) return error;
  throw new Error(`expected a ConnectError, got ${String(error)}`);
}

describe('connecting', () => {
  test('the session is encrypted, named and set up as asked', async () => {
    const client = await connect(
      options({
        sslmode: 'verify-full',
        serverName: 'db-rw',
        settings: { synchronous_commit: 'local', search_path: 'a, b' },
        statementTimeoutMs: 1234,
      }),
    );
    const { rows } = await client.query(
      `SELECT ssl, application_name AS name, current_setting('synchronous_commit') AS commit,
              current_setting('search_path') AS path, current_setting('statement_timeout') AS timeout
       FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE pid = pg_backend_pid()`,
    );
    expect(rows).toEqual([
      { ssl: true, name: 'cnpg-chaos-component', commit: 'local', path: 'a, b', timeout: '1234ms' },
    ]);
    await closeClient(client);
  });

  test.for<[Partial<ConnectOptions>, Partial<ConnectError>]>([
    [{ password: 'wrong' }, { failure: 'auth', sqlState: '28P01', transient: false }],
    [{ database: 'nope' }, { failure: 'server', sqlState: '3D000', transient: false }],
    [
      { sslmode: 'verify-full', serverName: 'other' },
      { failure: 'tls', transient: false },
    ],
    [{ ca: makeTestCertificate(['db-rw']).cert }, { failure: 'tls', transient: false }],
    [{ port: 1 }, { failure: 'refused', transient: true }],
  ])('%o fails as %o', async ([extra, expected]) => {
    expect(await failureOf(extra)).toMatchObject(expected);
  });

  test('no free connection', async () => {
    const clients = await Promise.all(Array.from({ length: 7 }, () => connect(options())));
    try {
      expect(await failureOf({})).toMatchObject({
        failure: 'too-many-connections',
        sqlState: '53300',
        transient: true,
      });
    } finally {
      await Promise.all(clients.map((client) => closeClient(client)));
    }
  });

  test('a frozen postmaster: timeout', async () => {
    await server.signal('STOP');
    try {
      expect(await failureOf({ connectTimeoutMs: 300 })).toMatchObject({ failure: 'timeout', transient: true });
    } finally {
      await server.signal('CONT');
    }
  });
});

describe('a connection that breaks', () => {
  test('idle, killed by an administrator: onError with its SQLSTATE, and the process lives', async () => {
    const lost = Promise.withResolvers<Error>();
    await connect(options({ applicationName: 'victim', onError: lost.resolve }));
    await server.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'`);
    expect(sqlStateOf(await lost.promise)).toBe('57P01');
  });

  test('closing ends although all of the server is frozen', async () => {
    const idle = await connect(options());
    const client = await connect(options());
    const pending = client.query('SELECT pg_sleep(60)').catch((error: unknown) => error);
    await server.signal('STOP', 'all');
    try {
      await Promise.all([idle, client].map((each) => closeClient(each, { timeoutMs: 100 })));
      await expect(pending).resolves.toBeInstanceOf(Error);
    } finally {
      await server.signal('CONT', 'all');
    }
  });

  test('a query that timed out on this side leaves a connection to throw away', async () => {
    const client = await connect(options({ queryTimeoutMs: 200 }));
    await expect(client.query('SELECT pg_sleep(60)')).rejects.toThrow('Query read timeout');
    await expect(client.query('SELECT 1')).rejects.toThrow('Query read timeout');
    destroyClient(client);
  });
});

describe('WAL arithmetic', () => {
  test('agrees with PostgreSQL', async () => {
    const client = await connect(options());
    const { rows } = await client.query<{ lsn: string; bytes: string; file: string; timeline: number; after: boolean }>(
      `SELECT lsn::text, (lsn - '0/0'::pg_lsn)::text AS bytes, pg_walfile_name(lsn) AS file,
              (pg_control_checkpoint()).timeline_id AS timeline, lsn > '0/FFFFFFFF'::pg_lsn AS after
       FROM unnest(ARRAY['0/1000028', '0/FFFFFFFF', '1/0', '12/ABCDEF01', 'FFFFFFF/FFFFFFFE']::pg_lsn[]) AS lsn`,
    );
    for (const { lsn, bytes, file, timeline, after } of rows) {
      expect(parseLsn(lsn).toString()).toBe(bytes);
      expect(formatLsn(BigInt(bytes))).toBe(lsn);
      expect(compareLsn(lsn, '0/FFFFFFFF') > 0).toBe(after);
      expect(timelineOfWalFile(file)).toBe(timeline);
    }
    expect(rows).toHaveLength(5);
    await closeClient(client);
  });
});
