import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from './backoff.ts';
import { LedgerError } from './errors.ts';
import { parsePosition } from './lsn.ts';
import type { ResolvedLedgerOptions } from './options.ts';
import { classify } from './outcome.ts';
import type { Payloads } from './payload.ts';
import { PreparedStatement } from './prepared-statement.ts';
import type { RunRecord } from './run-record.ts';
import type { Schedule } from './schedule.ts';
import { ownShare } from './start-objection.ts';
import { Session } from './session.ts';
import type { SessionFacts } from './session.ts';
import { insertManySql, insertSql } from './table.ts';
import type { LedgerTarget } from './target.ts';

/** What the writers of a run share. */
export interface WriterContext {
  readonly target: LedgerTarget;
  readonly options: ResolvedLedgerOptions;
  readonly record: RunRecord;
  readonly payloads: Payloads;
  /** Fires when waiting (for a pause, for a connection) is over. */
  readonly signal: AbortSignal;
  /** The clock of the run, in ms. */
  readonly now: () => number;
  /** Resolves when what the record was told is safe; with false when it cannot be, and then nothing may be sent. */
  readonly kept: () => Promise<boolean> | boolean;
}

/** SQLSTATE of a write to a server that is read-only: the route leads to a standby. */
const READ_ONLY = '25006';

/** One dedicated connection that writes numbered rows. Each new connection begins a new epoch. */
export class Writer {
  readonly #index: number;
  readonly #context: WriterContext;
  readonly #statement: PreparedStatement;
  #session: Session | undefined;
  #facts: SessionFacts | undefined;
  #epoch = 0;
  #failures = 0;

  constructor(index: number, context: WriterContext) {
    this.#index = index;
    this.#context = context;
    const { batch, table } = context.options;
    this.#statement = new PreparedStatement('ledger', batch === 1 ? insertSql(table) : insertManySql(table));
  }

  /** Opens the first session, so that a run begins with all its connections. Rejects when that is not possible. */
  async connect(): Promise<void> {
    // a server that has yet to answer for the first time is not one that has gone: all the time of the start is for it
    await this.#connect(this.#context.options.startTimeoutMs);
  }

  /** Writes until the schedule ends. Never rejects for what a server does. */
  async run(schedule: Schedule): Promise<void> {
    for (;;) {
      // most due times are there at once: not awaiting them saves a turn of the event loop per write
      const next = schedule.next();
      const dueMs = typeof next === 'object' ? await next : next;
      if (dueMs === undefined) break;
      await this.#write(dueMs);
      if (this.#failures > 0) await this.#pause();
    }
    await this.#session?.close();
  }

  /** Drops the connection at once; a write in flight stays unknown. */
  abandon(reason: string): void {
    this.#session?.destroy(reason);
  }

  async #write(dueMs: number): Promise<void> {
    const { record, options, now, kept } = this.#context;
    const writer = this.#index;
    const seq = record.begin(writer, options.batch);
    if (seq === undefined) return;
    let session = this.#session;
    let facts = this.#facts;
    if (session === undefined || facts === undefined || session.broken !== undefined) {
      const sentMs = now();
      try {
        [session, facts] = await this.#connect();
      } catch (error) {
        const endMs = now();
        record.connectFailed();
        record.unacknowledged({ writer, seq, outcome: 'fail', dueMs, sentMs, endMs }, error);
        this.#failures++;
        return;
      }
    }
    // no byte of a write may leave before the record of it is in the history
    const safe = kept();
    if (!(typeof safe === 'boolean' ? safe : await safe)) {
      const at = { dueMs, sentMs: now(), endMs: now() };
      record.unacknowledged({ writer, seq, outcome: 'fail', ...at }, new LedgerError('LEDGER_HISTORY', 'not kept'));
      return;
    }
    const sentMs = now();
    const reply = await session.execute(this.#statement, this.#values(seq), options.opTimeoutMs);
    const endMs = now();
    const sqlState = sqlStateOf(reply.error);
    const [timeline, hash, position, written = 1] = reply.rows[0] ?? [];
    const outcome = classify({
      sent: reply.sent,
      acknowledged: reply.completed === 1 && Number(written) === options.batch,
      rejected: reply.rejected,
      syncRepNotice: reply.syncRepNotice,
      sqlState,
    });
    const completion = { writer, seq, outcome, dueMs, sentMs, endMs };
    if (outcome === 'ok' || outcome === 'ok-weak') {
      this.#failures = 0;
      const lsn = parsePosition(String(position)) ?? 0;
      const known = record.acknowledge({ ...completion, lsn }, facts.server, Number(timeline), Number(hash));
      if (!known) await this.#learnSettings(session);
      return;
    }
    this.#failures++;
    record.unacknowledged(
      completion,
      reply.error ?? new LedgerError('LEDGER_REPLY', `${reply.completed} rows were written`),
    );
    if (outcome === 'info' || sqlState === READ_ONLY) session.destroy(`outcome ${outcome}`);
  }

  #values(seq: number): string[] {
    const { options, payloads } = this.#context;
    const { batch } = options;
    const writer = String(this.#index);
    const epoch = String(this.#epoch);
    if (batch === 1) return [writer, String(seq), epoch, payloads.text(this.#index, seq)];
    const seqs = Array.from({ length: batch }, (_, i) => seq + i);
    const texts = seqs.map((it) => `"${payloads.text(this.#index, it)}"`);
    return [writer, epoch, `{${seqs.join()}}`, `{${texts.join()}}`];
  }

  /** The settings changed under a live session: read the new ones. Failing is no harm, the writes then count as unproven. */
  async #learnSettings(session: Session): Promise<void> {
    const facts = await session.facts(this.#context.options.opTimeoutMs).catch(() => undefined);
    if (facts !== undefined) this.#context.record.learnSettings(facts);
  }

  async #connect(timeoutMs = this.#context.options.connectTimeoutMs): Promise<[Session, SessionFacts]> {
    const { target, options, record, signal, now } = this.#context;
    this.#session?.destroy('replaced');
    this.#session = undefined;
    const { applicationName, maxSessions } = options;
    const session = await Session.open(target, { applicationName, connectTimeoutMs: timeoutMs, signal });
    try {
      const facts = await session.facts(timeoutMs);
      signal.throwIfAborted();
      const most = Math.min(maxSessions, ownShare(facts) ?? maxSessions);
      if (facts.ownSessions > most) {
        throw new LedgerError(
          'LEDGER_SESSIONS',
          `${facts.ownSessions} sessions of this ledger exist on ${facts.server}, more than maxSessions ${most}`,
        );
      }
      record.connected(this.#index, ++this.#epoch, facts, now());
      this.#session = session;
      this.#facts = facts;
      return [session, facts];
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async #pause(): Promise<void> {
    const wait = backoffMs(this.#failures);
    if (wait > 0) await sleep(wait, undefined, { signal: this.#context.signal }).catch(() => undefined);
  }
}

function sqlStateOf(error: Error | undefined): string | undefined {
  return error !== undefined && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
