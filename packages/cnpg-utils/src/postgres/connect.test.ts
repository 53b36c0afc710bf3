import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakePostgres } from '../../test/support/fake-postgres.ts';
import { makeTestCertificate } from '../../test/support/test-certificates.ts';
import { closeClient, connect, destroyClient, type ConnectOptions } from './connect.ts';
import { ConnectError, connectFailureOf } from './connect-error.ts';

const run = promisify(execFile);

let server: FakePostgres;
beforeEach(async () => {
  server = await FakePostgres.start();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

function options(extra: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: '127.0.0.1',
    port: server.port,
    user: 'app',
    password: 'x',
    database: 'app',
    applicationName: 'cnpg-chaos-test',
    sslmode: 'disable',
    ...extra,
  };
}

async function failure(extra: Partial<ConnectOptions> = {}): Promise<ConnectError> {
  const error: unknown = await connect(options(extra)).catch((caught: unknown) => caught);
  if (error instanceof ConnectError) return error;
  throw new Error(`expected a ConnectError, got ${String(error)}`);
}

describe('connecting', () => {
  test('names the session and passes its settings', async () => {
    const client = await connect(options({ settings: { synchronous_commit: 'on', search_path: 'a, b' } }));
    expect(server.startup).toMatchObject({
      user: 'app',
      database: 'app',
      application_name: 'cnpg-chaos-test',
      options: '-c synchronous_commit=on -c search_path=a,\\ b',
    });
    destroyClient(client);
  });

  test.for(['mute', 'mute-after-startup'] as const)('a server that is %s: timeout', async (mode) => {
    server.mode = mode;
    const error = await failure({ connectTimeoutMs: 50 });
    expect(error).toMatchObject({ failure: 'timeout', transient: true, port: server.port });
    expect(error.message).toContain('no connection within 50 ms');
  });

  test('a server that freezes before TLS: timeout', async () => {
    server.mode = 'mute-after-tls-request';
    expect(await failure({ connectTimeoutMs: 50, sslmode: 'require' })).toMatchObject({ failure: 'timeout' });
  });

  test('nobody listens: refused', async () => {
    const { port } = server;
    await server[Symbol.asyncDispose]();
    expect(await failure({ port })).toMatchObject({ failure: 'refused', transient: true });
  });

  test('the server closes: reset', async () => {
    server.mode = 'close-after-startup';
    expect(await failure()).toMatchObject({ failure: 'reset', transient: true });
  });

  test('the server cannot start a process and says so before TLS: not ready', async () => {
    server.mode = 'error-after-tls-request';
    const error = await failure({ sslmode: 'require' });
    expect(error).toMatchObject({ failure: 'not-ready', transient: true });
    expect(error.message).toContain('answered the request for TLS with an error');
  });

  test('the server has no TLS: tls', async () => {
    expect(await failure({ sslmode: 'require' })).toMatchObject({ failure: 'tls', transient: false });
  });

  test.for([
    ['28P01', 'auth', false],
    ['53300', 'too-many-connections', true],
    ['57P03', 'not-ready', true],
    ['3D000', 'server', false],
  ] as const)('SQLSTATE %s: %s', async ([sqlState, kind, transient]) => {
    server.mode = { error: sqlState, message: 'what PostgreSQL said' };
    const error = await failure();
    expect(error).toMatchObject({ failure: kind, sqlState, transient });
    expect(error.message).toContain('what PostgreSQL said');
    expect(error.cause).toBeInstanceOf(Error);
  });

  test('an abort ends it with the reason of the signal', async () => {
    server.mode = 'mute';
    const reason = new Error('enough');
    const controller = new AbortController();
    const pending = connect(options({ signal: controller.signal, connectTimeoutMs: 600_000 }));
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    await expect(connect(options({ signal: controller.signal }))).rejects.toBe(reason);
  });
});

describe('TLS', () => {
  const certificate = makeTestCertificate(['db-rw']);
  const stranger = makeTestCertificate(['db-rw']);

  beforeEach(async () => {
    await server[Symbol.asyncDispose]();
    server = await FakePostgres.start({ tls: certificate });
  });

  test.for([
    [{ sslmode: 'require' }, 'connects'],
    [{ ca: certificate.cert }, 'connects'],
    [{ ca: stranger.cert }, 'tls'],
    [{ sslmode: 'verify-ca', ca: certificate.cert, serverName: 'other' }, 'connects'],
    [{ sslmode: 'verify-full', ca: certificate.cert, serverName: 'db-rw' }, 'connects'],
    [{ sslmode: 'verify-full', ca: certificate.cert, serverName: 'other' }, 'tls'],
    [{ sslmode: 'verify-full', ca: stranger.cert, serverName: 'db-rw' }, 'tls'],
  ] as const)('%o: %s', async ([tls, expected]) => {
    const { sslmode: _, ...rest } = options();
    const outcome = await connect({ ...rest, ...tls }).then(
      (client) => {
        destroyClient(client);
        return 'connects';
      },
      (error: unknown) => connectFailureOf((error as ConnectError).cause),
    );
    expect(outcome).toBe(expected);
  });
});

describe('a connection that breaks', () => {
  test('idle, by a killed backend: onError, and the process lives', async () => {
    const lost = Promise.withResolvers<Error>();
    await connect(options({ onError: lost.resolve }));
    server.killBackends();
    await expect(lost.promise).resolves.toMatchObject({ code: '57P01' });
  });

  test('without the wrapper it takes the process down', async () => {
    const script = (listener: string) => `
      import pg from 'pg';
      const client = new pg.Client({ host: '127.0.0.1', port: ${server.port}, user: 'u', password: 'p', database: 'd' });
      ${listener}
      await client.connect();
      console.log('connected');
      setTimeout(() => process.exit(0), 5000).unref();`;
    const start = async (listener: string) => {
      const child = run(process.execPath, ['--input-type=module', '-e', script(listener)], {
        cwd: import.meta.dirname,
      });
      child.child.stdout?.once('data', () => {
        server.killBackends();
      });
      return await child.then(
        () => 0,
        (error: unknown) => (error as { code: number }).code,
      );
    };
    expect(await start('')).not.toBe(0);
    expect(await start("client.on('error', () => {});")).toBe(0);
  });

  test('closing ends although the server is frozen and no query runs', async () => {
    const client = await connect(options());
    server.freeze();
    await expect(closeClient(client, { timeoutMs: 20 })).resolves.toBeUndefined();
  });

  test('closing ends although the server is frozen in the middle of a query', async () => {
    const client = await connect(options());
    const pending = client.query('SELECT 1').catch((error: unknown) => error);
    await closeClient(client, { timeoutMs: 20 });
    await expect(pending).resolves.toBeInstanceOf(Error);
  });

  test('destroying rejects what is under way', async () => {
    const client = await connect(options());
    const pending = client.query('SELECT 1');
    await expect.poll(() => server.queries, { timeout: 10_000 }).toEqual(['SELECT 1']);
    destroyClient(client);
    await expect(pending).rejects.toThrow('Connection terminated');
  });

  test('a query has a time limit on this side', async () => {
    const client = await connect(options({ queryTimeoutMs: 30 }));
    await expect(client.query('SELECT 1')).rejects.toThrow('Query read timeout');
    destroyClient(client);
  });

  test('closing twice and closing what is broken is fine', async () => {
    const client = await connect(options());
    server.cutConnections();
    await closeClient(client);
    await expect(closeClient(client)).resolves.toBeUndefined();
  });
});
