import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { keepsNothing } from './copy-out.ts';
import { Deadline } from './deadline.ts';
import { DURABILITY_HASH_SQL } from './durability.ts';
import type { DurabilitySettings } from './durability.ts';
import { LedgerError } from './errors.ts';
import { SYNC_REP_ROUTINE } from './outcome.ts';
import { TIMELINE_SQL } from './table.ts';
import { endsWithReady, readPlainAnswer } from './plain-answer.ts';
import type { Execution, PreparedStatement } from './prepared-statement.ts';
import type { LedgerTarget } from './target.ts';

/** What a server says about itself and about a new session. */
export interface SessionFacts extends DurabilitySettings {
  readonly durabilityHash: number;
  readonly serverVersion: number;
  readonly inRecovery: boolean;
  readonly timeline: number | undefined;
  /** Address and port as the server sees them, so that a service in between does not hide who answered. */
  readonly server: string;
  readonly systemIdentifier: string;
  /** Sessions of the same application name on that server, this one included. */
  readonly ownSessions: number;
  /** Connections that the server gives to ordinary roles. */
  readonly connectionLimit?: number | undefined;
}

/** What came back for one statement. */
export interface Reply {
  readonly sent: boolean;
  readonly rows: unknown[][];
  /** Rows affected, when the statement succeeded and the session is idle again. */
  readonly completed: number | undefined;
  readonly error: Error | undefined;
  /** ReadyForQuery followed the error. */
  readonly rejected: boolean;
  readonly syncRepNotice: boolean;
}

/** Options of one session. */
export interface SessionOptions {
  readonly applicationName: string;
  /** Bound of connect, TLS and authentication together, in ms. */
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** How long the server keeps a connection whose packets are not acknowledged, in ms. */
const SERVER_TCP_TIMEOUT_MS = 10_000;

const FACTS_SQL = `select
  current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), current_setting('fsync'),
  ${DURABILITY_HASH_SQL}, current_setting('server_version_num')::int, pg_is_in_recovery(),
  case when pg_is_in_recovery() then null else ${TIMELINE_SQL} end,
  coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'local'),
  (select system_identifier::text from pg_control_system()),
  (select count(*)::int from pg_stat_activity where application_name = current_setting('application_name')),
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true)::int, 0),
  set_config('tcp_user_timeout', '${SERVER_TCP_TIMEOUT_MS}', false)`;

/**
 * One dedicated connection with one statement in flight at most: no pool, no retry, never a cancel request. A statement
 * that is late is given up by destroying the socket, since a cancel during the wait for a standby would turn into an
 * acknowledgement. Once broken it stays broken.
 */
export class Session {
  readonly #client: pg.Client;
  #broken: string | undefined;
  /** Why we ended it ourselves. */
  #givenUp: string | undefined;
  #idle = false;
  #syncRepNotice = false;
  #wake: (() => void) | undefined;
  readonly #deadline = new Deadline((timeoutMs) => this.destroy(`no answer within ${timeoutMs} ms`));
  #execution: Execution | undefined;
  /** The driver holds no part of a message. */
  #aligned = false;

  private constructor(client: pg.Client) {
    this.#client = client;
    client.on('error', (error: Error) => this.#fail(error.message));
    client.on('end', () => this.#fail('connection ended'));
    client.on('drain', () => {
      this.#idle = true;
      this.#wake?.();
    });
    client.on('notice', (notice) => {
      if (notice.routine === SYNC_REP_ROUTINE) this.#syncRepNotice = true;
    });
  }

  /** Connects; rejects with the driver's or the server's error, or when the signal fires. */
  static async open(target: LedgerTarget, options: SessionOptions): Promise<Session> {
    const { host, port } = await target.resolveHost(options.signal);
    options.signal.throwIfAborted();
    let take = (_bytes: Buffer): boolean => false;
    const client = new pg.Client({
      host,
      port,
      user: target.user,
      password: target.password,
      database: target.database,
      ssl: tlsOptions(target),
      application_name: options.applicationName,
      connectionTimeoutMillis: options.connectTimeoutMs,
      keepAlive: true,
      ...(target.ca === undefined ? { stream: () => socketThat((bytes) => take(bytes)) } : {}),
    });
    const session = new Session(client);
    take = (bytes) => session.#take(bytes);
    const abort = (): void => session.destroy('aborted');
    options.signal.addEventListener('abort', abort, { once: true });
    try {
      await client.connect();
      if (target.ca !== undefined) standBefore(client.connection.stream, take);
    } catch (error) {
      session.destroy('connect failed');
      throw error;
    } finally {
      options.signal.removeEventListener('abort', abort);
    }
    return session;
  }

  /** Why the session cannot be used any more; `undefined` while it can. */
  get broken(): string | undefined {
    return this.#broken;
  }

  /** Sends one statement and reports what was seen of it. Never rejects. After `timeoutMs` the socket is destroyed. */
  async exchange(query: pg.QueryConfig<unknown[]>, timeoutMs: number): Promise<Reply> {
    if (this.#broken !== undefined) return notSent(this.#broken);
    this.#begin(timeoutMs);
    try {
      const { rows, rowCount } = await this.#client.query<unknown[]>({ ...query, rowMode: 'array' });
      return this.#succeeded(rows, rowCount ?? 0);
    } catch (error) {
      return await this.#failed(error, true);
    } finally {
      this.#deadline.end();
    }
  }

  /** Like `exchange` for a prepared statement; the row is text. */
  execute(statement: PreparedStatement, values: readonly string[], timeoutMs: number): Promise<Reply> {
    if (this.#broken !== undefined) return Promise.resolve(notSent(this.#broken));
    this.#begin(timeoutMs);
    return new Promise((resolve) => {
      this.#execution = statement.execution(values, ({ executed, sent }, error) => {
        this.#execution = undefined;
        if (error === undefined) {
          this.#deadline.end();
          resolve(this.#succeeded([executed.row], executed.count));
        } else resolve(this.#failed(error, sent).finally(() => this.#deadline.end()));
      });
      this.#client.query(this.#execution);
    });
  }

  /** Like `exchange`, for statements whose failure is an error; returns the rows. */
  async query(text: string, timeoutMs: number, values: unknown[] = []): Promise<unknown[][]> {
    const reply = await this.exchange({ text, values }, timeoutMs);
    if (reply.error !== undefined) throw reply.error;
    return reply.rows;
  }

  /** Asks the server to describe itself. */
  async facts(timeoutMs: number): Promise<SessionFacts> {
    const [row = []] = await this.query(FACTS_SQL, timeoutMs);
    return {
      synchronousCommit: String(row[0]),
      synchronousStandbyNames: String(row[1]),
      fsync: String(row[2]),
      durabilityHash: Number(row[3]),
      serverVersion: Number(row[4]),
      inRecovery: row[5] === true,
      timeline: row[6] === null ? undefined : Number(row[6]),
      server: String(row[7]),
      systemIdentifier: String(row[8]),
      ownSessions: Number(row[9]),
      connectionLimit: Number(row[10]),
    };
  }

  /** Hands a protocol-level query (COPY) to the driver; the session must be idle. */
  submit(query: pg.Submittable): void {
    this.#client.query(query);
  }

  /** Drops the socket at once; what is in flight stays unknown. */
  destroy(reason: string): void {
    if (this.#broken === undefined) this.#givenUp = reason;
    this.#fail(reason);
    this.#client.connection.stream.destroy();
  }

  /** Says goodbye when idle, drops the socket otherwise. */
  async close(): Promise<void> {
    if (this.#broken !== undefined) return;
    this.#broken = 'closed';
    this.#deadline[Symbol.dispose]();
    const timer = setTimeout(() => this.#client.connection.stream.destroy(), 1000);
    await this.#client.end().catch(() => undefined);
    clearTimeout(timer);
  }

  #begin(timeoutMs: number): void {
    this.#idle = false;
    this.#syncRepNotice = false;
    this.#deadline.begin(timeoutMs);
  }

  /** Takes a plain answer from the bytes of the socket: with what the driver makes of each message a write costs a quarter more. */
  #take(bytes: Buffer): boolean {
    const executed = this.#execution !== undefined && this.#aligned ? readPlainAnswer(bytes) : undefined;
    this.#aligned = executed !== undefined || endsWithReady(bytes);
    if (executed === undefined || this.#execution === undefined) return false;
    this.#execution.executed = executed;
    this.#client.connection.emit('readyForQuery', READY);
    return true;
  }

  #succeeded(rows: Reply['rows'], count: number): Reply {
    const completed = this.#client.getTransactionStatus() === 'I' ? count : undefined;
    return { sent: true, rows, completed, error: undefined, rejected: false, syncRepNotice: this.#syncRepNotice };
  }

  async #failed(cause: unknown, sent: boolean): Promise<Reply> {
    const rejected = await this.#readyAfterError();
    // the driver only knows that the socket is gone
    const given = this.#givenUp === undefined ? cause : new LedgerError('LEDGER_GIVEN_UP', this.#givenUp);
    const error = given instanceof Error ? given : new Error(String(given));
    return { sent, rows: [], completed: undefined, error, rejected, syncRepNotice: this.#syncRepNotice };
  }

  #fail(reason: string): void {
    this.#broken ??= reason;
    this.#deadline[Symbol.dispose]();
    this.#wake?.();
  }

  /** Waits for ReadyForQuery after an ErrorResponse: true when it came, false when the connection went away instead. */
  async #readyAfterError(): Promise<boolean> {
    while (!this.#idle && this.#broken === undefined) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    return this.#idle;
  }
}

/** What the driver calls ReadyForQuery of an idle session. */
const READY = { name: 'readyForQuery', length: 5, status: 'I' };
const READ_BYTES = 64 * 1024;
/** All sockets are read into it, one after the other; what is not taken at once is copied. */
const READ_BUFFER = Buffer.alloc(READ_BYTES);

function notSent(reason: string): Reply {
  const error = new LedgerError('LEDGER_SESSION', reason);
  return { sent: false, rows: [], completed: undefined, error, rejected: false, syncRepNotice: false };
}

/** A socket that is read without a new buffer each time, and whose bytes go to the driver unless `take` has taken them. */
function socketThat(take: (bytes: Buffer) => boolean): Socket {
  const socket: Socket = new Socket({
    onread: {
      buffer: READ_BUFFER,
      callback(length) {
        const bytes = READ_BUFFER.subarray(0, length);
        if (!take(bytes)) socket.emit('data', keepsNothing(socket) ? bytes : Buffer.from(bytes));
        return true;
      },
    },
  });
  return socket;
}

/** The same for a stream that is read already. */
function standBefore(stream: Duplex, take: (bytes: Buffer) => boolean): void {
  const driver = stream.listeners('data');
  stream.removeAllListeners('data');
  stream.on('data', (bytes: Buffer) => {
    if (!take(bytes)) for (const listener of driver) listener.call(stream, bytes);
  });
}

function tlsOptions(target: LedgerTarget): pg.ClientConfig['ssl'] {
  if (target.ca === undefined) return false;
  if (target.tlsServerName !== undefined) return { ca: target.ca, servername: target.tlsServerName };
  return { ca: target.ca, checkServerIdentity: () => undefined };
}
