import { classify } from '../outcome.ts';
import type { Outcome } from '../outcome.ts';
import { Session } from '../session.ts';
import type { Reply, SessionFacts } from '../session.ts';
import type { LedgerTarget } from '../target.ts';
import type { ResolvedTransactionOptions } from './transaction-options.ts';

/** Sends one statement of a transaction and gives its rows; throws when it failed, and then the transaction is over. */
export type Statement = (text: string, values: unknown[], name?: string) => Promise<unknown[][]>;

/** How a transaction ended, as its client may believe it. */
export interface TransactionEnd<T> {
  readonly outcome: Outcome;
  /** What the body gave; only when the outcome is `ok` or `ok-weak`. */
  readonly value: T | undefined;
  readonly error: unknown;
}

/** Thrown by the body of a transaction that decides not to commit. */
export class RollbackError extends Error {
  override readonly name = 'RollbackError';
}

/** What the clients of a run share. */
export interface ClientContext {
  readonly target: LedgerTarget;
  readonly options: ResolvedTransactionOptions;
  readonly signal: AbortSignal;
  /** Told of each new session before anything is sent on it. */
  readonly onConnected: (process: number, facts: SessionFacts) => void;
}

/** SQLSTATE of a write to a server that is read-only: the route leads to a standby. */
const READ_ONLY = '25006';

/** One dedicated connection that runs one transaction at a time, without a retry. Each new connection is a new process. */
export class TransactionClient {
  readonly #worker: number;
  readonly #context: ClientContext;
  #session: Session | undefined;
  #epoch = -1;

  constructor(worker: number, context: ClientContext) {
    this.#worker = worker;
    this.#context = context;
  }

  /** Number of the process: a new one with each connection, since what the old one had sent may still be going on. */
  get process(): number {
    return this.#worker + this.#context.options.workers * this.#epoch;
  }

  /** Makes sure that there is a connection; rejects when that is not possible. */
  async connect(): Promise<void> {
    if (this.#session !== undefined && this.#session.broken === undefined) return;
    const { target, options, signal, onConnected } = this.#context;
    const { applicationName, connectTimeoutMs } = options;
    this.#session?.destroy('replaced');
    const session = await Session.open(target, { applicationName, connectTimeoutMs, signal });
    try {
      const facts = await session.facts(connectTimeoutMs);
      signal.throwIfAborted();
      this.#epoch++;
      onConnected(this.process, facts);
      this.#session = session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /**
   * Runs one transaction. As long as COMMIT was not sent it certainly did not happen; what was seen of COMMIT is judged by the
   * rules of the ledger. Never rejects for what a server does.
   */
  async run<T>(body: (statement: Statement) => Promise<T>): Promise<TransactionEnd<T>> {
    const session = this.#session;
    const { options } = this.#context;
    if (session === undefined || session.broken !== undefined) {
      return { outcome: 'fail', value: undefined, error: new Error(session?.broken ?? 'not connected') };
    }
    const send = async (text: string, values: unknown[] = [], name?: string): Promise<Reply> =>
      session.exchange(name === undefined ? { text, values } : { text, values, name }, options.opTimeoutMs);
    const statement: Statement = async (text, values, name) => {
      const reply = await send(text, values, name);
      if (reply.error !== undefined) throw reply.error;
      return reply.rows;
    };
    let value: T;
    try {
      await statement(`begin isolation level ${options.isolation}`, []);
      value = await body(statement);
    } catch (error) {
      if (sqlStateOf(error) === READ_ONLY) session.destroy('read-only');
      // when this fails too, the server rolls back by itself
      if (session.broken === undefined && (await send('rollback')).error !== undefined)
        session.destroy('rollback failed');
      return { outcome: 'fail', value: undefined, error };
    }
    const reply = await send('commit');
    const outcome = classify({
      sent: reply.sent,
      acknowledged: reply.completed !== undefined,
      rejected: reply.rejected,
      syncRepNotice: reply.syncRepNotice,
      sqlState: sqlStateOf(reply.error),
    });
    if (outcome === 'info') session.destroy('outcome info');
    const committed = outcome === 'ok' || outcome === 'ok-weak';
    return { outcome, value: committed ? value : undefined, error: reply.error };
  }

  /** Drops the connection at once; a COMMIT in flight stays unknown. */
  abandon(reason: string): void {
    this.#session?.destroy(reason);
  }

  async close(): Promise<void> {
    await this.#session?.close();
  }
}

function sqlStateOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
