import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { abortReason } from '../signals.ts';
import { timeouts } from '../timeouts.ts';
import { ConnectError, connectFailureOf, TLS_REQUEST_FAILED } from './connect-error.ts';

/** Options of {@link connect}. */
export interface ConnectOptions {
  /** Address or name. */
  host: string;
  /** @default 5432 */
  port?: number;
  user: string;
  password: string;
  database: string;
  /** Certificate authority of the server, PEM. */
  ca?: string;
  /**
   * As in libpq: `disable`; `require` encrypts without checking whom it talks to; `verify-ca` checks the certificate's
   * authority; `verify-full` also checks that it was made for `serverName` (or `host`).
   * @default 'verify-ca' with `ca`, else 'require'
   */
  sslmode?: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  /** Name to ask for, and to find in the certificate, when `host` is an address. CNPG: `<cluster>-rw`. */
  serverName?: string;
  /** Shown in `pg_stat_activity`; by it our sessions are told from others. */
  applicationName: string;
  /** From TCP to ready for query, in milliseconds. @default 5000 */
  connectTimeoutMs?: number;
  /**
   * Limit for each query on this side, in milliseconds. After it struck, the outcome of the query is unknown and the
   * connection unusable: discard it. @default none
   */
  queryTimeoutMs?: number;
  /** Limit for each statement on the server's side, in milliseconds. @default the server's */
  statementTimeoutMs?: number;
  /** Further settings of the session, such as `{ synchronous_commit: 'on' }`. */
  settings?: Record<string, string>;
  /** Ends the attempt early. It rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Called when the connection is lost while no query runs. A listener is there in any case: without one, a backend
   * that is killed takes the whole process down.
   */
  onError?: (error: Error) => void;
}

/**
 * Opens one PostgreSQL connection. It has TCP keep-alive, a time limit, and a listener for errors.
 *
 * @throws ConnectError, whose `failure` says what kind of failure it was
 */
export async function connect(options: ConnectOptions): Promise<pg.Client> {
  const { host, port = 5432, signal } = options;
  signal?.throwIfAborted();
  const client = new pg.Client({
    host,
    port,
    user: options.user,
    password: options.password,
    database: options.database,
    ssl: tlsOptions(options),
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? timeouts.postgresConnect,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
    ...(options.statementTimeoutMs === undefined ? {} : { statement_timeout: options.statementTimeoutMs }),
    ...(options.settings === undefined ? {} : { options: settingsOption(options.settings) }),
  });
  client.on('error', (error) => {
    options.onError?.(error);
  });
  const onAbort = () => {
    destroyClient(client);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await client.connect();
  } catch (error) {
    destroyClient(client);
    if (signal?.aborted === true) throw abortReason(signal);
    throw new ConnectError(connectFailureOf(error), host, port, problemOf(error, options), error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  return client;
}

/**
 * Closes a connection in an orderly way, or by force when the server does not play along: `client.end()` alone waits
 * forever for a server that is frozen or cut off.
 *
 * @param options.timeoutMs how long to wait for the orderly way. @default 1000
 */
export async function closeClient(client: pg.Client, options: { timeoutMs?: number } = {}): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, options.timeoutMs ?? 1_000);
  try {
    await Promise.race([client.end(), late]);
  } catch {
    // It was broken already.
  } finally {
    clearTimeout(timer);
    destroyClient(client);
  }
}

/** Cuts a connection at once. Queries that are under way are rejected with "Connection terminated unexpectedly". */
export function destroyClient(client: pg.Client): void {
  socketOf(client)?.destroy();
}

// pg has no public way to cut a connection.
function socketOf(client: pg.Client): Socket | undefined {
  const { connection } = client as pg.Client & { connection?: { stream?: Socket } };
  return connection?.stream;
}

function tlsOptions(options: ConnectOptions): ConnectionOptions | false {
  const mode = options.sslmode ?? (options.ca === undefined ? 'require' : 'verify-ca');
  const ca = options.ca === undefined ? {} : { ca: options.ca };
  const servername = options.serverName === undefined ? {} : { servername: options.serverName };
  switch (mode) {
    case 'disable':
      return false;
    case 'require':
      return { rejectUnauthorized: false, ...servername };
    case 'verify-ca':
      return { ...ca, ...servername, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    case 'verify-full':
      return { ...ca, ...servername, rejectUnauthorized: true };
  }
}

function settingsOption(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replaceAll('\\', '\\\\').replaceAll(' ', '\\ ')}`)
    .join(' ');
}

function problemOf(error: unknown, options: ConnectOptions): string {
  const message =
    error instanceof AggregateError ? String(error.errors[0]) : error instanceof Error ? error.message : String(error);
  if (message === 'timeout expired') {
    return `no connection within ${options.connectTimeoutMs ?? timeouts.postgresConnect} ms`;
  }
  if (message === TLS_REQUEST_FAILED) return 'it answered the request for TLS with an error';
  return message === '' ? 'connection failed' : message;
}
