/**
 * Why a connection failed: nothing answered in time, the port is closed, there is no route or name, the connection
 * broke, TLS was refused, the server refused the user, it is starting or stopping, it has no free connection, or it
 * gave another error.
 */
export type ConnectFailure =
  | 'timeout'
  | 'refused'
  | 'unreachable'
  | 'reset'
  | 'tls'
  | 'auth'
  | 'not-ready'
  | 'too-many-connections'
  | 'server';

/** A PostgreSQL connection could not be made. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly code = 'PG_CONNECT';
  readonly failure: ConnectFailure;
  readonly host: string;
  readonly port: number;
  /** SQLSTATE, when PostgreSQL itself answered. */
  readonly sqlState?: string;

  constructor(failure: ConnectFailure, host: string, port: number, problem: string, cause?: unknown) {
    super(`PostgreSQL at ${host}:${port}: ${problem}`, cause === undefined ? undefined : { cause });
    this.failure = failure;
    this.host = host;
    this.port = port;
    const sqlState = sqlStateOf(cause);
    if (sqlState !== undefined) this.sqlState = sqlState;
  }

  /** Whether the same attempt may succeed a little later without anybody changing anything. */
  get transient(): boolean {
    return this.failure !== 'auth' && this.failure !== 'tls' && this.failure !== 'server';
  }
}

/** SQLSTATE of an error that PostgreSQL sent, such as `57P01`; undefined for everything else. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const SYSTEM_FAILURES: Record<string, ConnectFailure> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENETDOWN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
};

/** What pg says when the answer to its request for TLS is neither yes nor no. */
export const TLS_REQUEST_FAILED = 'There was an error establishing an SSL connection';

/** Classifies what pg rejected a connection attempt with. pg gives some of it by message only. */
export function connectFailureOf(error: unknown): ConnectFailure {
  const sqlState = sqlStateOf(error);
  if (sqlState !== undefined) {
    if (sqlState.startsWith('28')) return 'auth';
    if (sqlState === '53300') return 'too-many-connections';
    if (sqlState.startsWith('57P')) return 'not-ready';
    return 'server';
  }
  if (!(error instanceof Error)) return 'server';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const known = SYSTEM_FAILURES[code];
  if (known !== undefined) return known;
  if (error instanceof AggregateError) return connectFailureOf(error.errors[0]);
  if (error.message === 'timeout expired') return 'timeout';
  // The server answered the request for TLS with an error, as it does when it cannot start a process.
  if (error.message === TLS_REQUEST_FAILED) return 'not-ready';
  if (error.message.startsWith('Connection terminated')) return 'reset';
  if (/^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|EPROTO)/.test(code)) return 'tls';
  if (/SSL|TLS|certificate/i.test(error.message)) return 'tls';
  if (/SASL|SCRAM|password/i.test(error.message)) return 'auth';
  return 'server';
}
