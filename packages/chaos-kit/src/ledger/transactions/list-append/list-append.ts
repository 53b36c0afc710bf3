import { errorReason } from '../../errors.ts';
import type { SessionFacts } from '../../session.ts';
import type { FinalReader, LedgerTarget } from '../../target.ts';
import { randomOf } from '../random.ts';
import { TransactionLog } from '../transaction-log.ts';
import { resolveTransactionOptions, wholeNumber } from '../transaction-options.ts';
import type { ResolvedTransactionOptions, TransactionOptions } from '../transaction-options.ts';
import type { Statement, TransactionClient, TransactionEnd } from '../transaction-client.ts';
import { TransactionRun } from '../transaction-run.ts';
import type { TransactionProgress } from '../transaction-run.ts';
import type { ListAppendVerification } from '../transaction-verdict.ts';
import { AppendHistory } from './append-history.ts';
import type { AppendOp, ListRead } from './append-history.ts';
import { checkListAppend } from './check-list-append.ts';

/** Options of a list-append run. */
export interface ListAppendOptions extends TransactionOptions {
  /** Keys in use at a time, 1 to 1 000. Default 10. */
  keys?: number | undefined;
  /** A key is replaced by a new one after as many appends, 1 to 100 000. Default 64. */
  writesPerKey?: number | undefined;
  /** Operations of a transaction, at most, 1 to 20. Default 4. */
  maxOps?: number | undefined;
  /**
   * How a list is appended to. Default `in-place`: by the server. `read-modify-write`: the client reads the list and writes it
   * back longer, as many applications do; below repeatable read that loses updates.
   */
  update?: 'in-place' | 'read-modify-write' | undefined;
}

/** Options with every default filled in. */
export interface ResolvedListAppendOptions extends ResolvedTransactionOptions {
  readonly keys: number;
  readonly writesPerKey: number;
  readonly maxOps: number;
  readonly update: 'in-place' | 'read-modify-write';
}

/**
 * Transactions that append unique values to lists and read lists, on one connection per worker. From what was read follows the order
 * in which values were written, so that every anomaly of isolation can be seen from outside.
 */
export class ListAppend implements AsyncDisposable {
  readonly options: ResolvedListAppendOptions;
  readonly history = new AppendHistory();
  readonly #log: TransactionLog | undefined;
  readonly #random: () => number;
  readonly #table: string;
  /** Keys in use, and how many values of each were handed out. */
  readonly #active: { key: number; handedOut: number }[];
  #nextKey: number;
  /** What the server says of the longest list that was read of a key: its length and hash. */
  readonly #known = new Map<number, { length: number; hash: string }>();
  #run: TransactionRun | undefined;
  #verification: ListAppendVerification | undefined;

  private constructor(options: ResolvedListAppendOptions, log: TransactionLog | undefined) {
    this.options = options;
    this.#log = log;
    this.#random = randomOf(options.seed);
    this.#table = `${options.prefix}_list`;
    this.#active = Array.from({ length: options.keys }, (_, key) => ({ key, handedOut: 0 }));
    this.#nextKey = options.keys;
  }

  /** Creates the table, connects every worker, and begins. @throws LedgerOptionError, HistoryWriteError, LedgerStartError */
  static async start(target: LedgerTarget, options: ListAppendOptions): Promise<ListAppend> {
    const resolved: ResolvedListAppendOptions = {
      ...resolveTransactionOptions('append', options),
      keys: wholeNumber('keys', options.keys, 10, 1, 1000),
      writesPerKey: wholeNumber('writesPerKey', options.writesPerKey, 64, 1, 100_000),
      maxOps: wholeNumber('maxOps', options.maxOps, 4, 1, 20),
      update: options.update ?? 'in-place',
    };
    const { historyFile, about } = options;
    const log =
      historyFile === undefined
        ? undefined
        : TransactionLog.create(historyFile, { workload: 'list-append', options: { ...resolved }, about });
    const workload = new ListAppend(resolved, log);
    const table = workload.#table;
    try {
      workload.#run = await TransactionRun.start(
        target,
        resolved,
        {
          createSql: [`create table ${table} (k int primary key, v int[] not null)`],
          tables: [table],
          step: (client) => workload.#step(client),
          connected: (process, facts) => workload.#connected(process, facts),
        },
        { log, signal: options.signal },
      );
    } catch (error) {
      log?.close();
      throw error;
    }
    return workload;
  }

  get progress(): TransactionProgress {
    return this.#started.progress;
  }

  /** The result of the last `verify`, for reports. */
  get verification(): ListAppendVerification | undefined {
    return this.#verification;
  }

  /** Waits until `n` more transactions were acknowledged. Rejects with LedgerTimeoutError, HistoryWriteError, or the signal's reason. */
  async waitForCommits(n: number, options: { timeoutMs: number; signal?: AbortSignal }): Promise<void> {
    await this.#started.waitForCommits(n, options);
  }

  /** Begins no more transactions and waits for those that run. Idempotent. */
  async stop(options: { timeoutMs?: number } = {}): Promise<void> {
    await this.#started.stop(options);
  }

  /**
   * Stops, ends every session that could still commit, reads every key from the primary, and checks the history. A read that
   * does not succeed within `timeoutMs` (default 60 s) makes it `inconclusive`, unless something forbidden was seen before.
   */
  async verify(options: {
    final: FinalReader;
    timeoutMs?: number;
    signal?: AbortSignal;
  }): Promise<ListAppendVerification> {
    const run = this.#started;
    await run.stop();
    const doubts = [...run.doubts];
    if (this.history.final === undefined) {
      try {
        const { final, timeoutMs = 60_000, signal } = options;
        const { value } = await run.readEnd((statement) => this.#readAll(statement), { final, timeoutMs, signal });
        this.#recordEnd(value);
      } catch (error) {
        doubts.push(errorReason(error));
      }
    }
    const { isolation, expected } = this.options;
    this.#verification = checkListAppend(this.history, { isolation, expected, doubts, failures: run.failures });
    if (this.#verification.verdict === 'pass') run.passed();
    return this.#verification;
  }

  /** Drops every connection and, depending on `keepTables`, the table. Bounded. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run?.[Symbol.asyncDispose]();
  }

  get #started(): TransactionRun {
    if (this.#run === undefined) throw new TypeError('the transactions have not started');
    return this.#run;
  }

  #connected(process: number, { server, timeline, inRecovery }: SessionFacts): void {
    this.#log?.write({ connected: process, at: performance.now(), server, timeline, inRecovery });
    const where = timeline === undefined ? `${server}, in recovery` : `${server} on timeline ${timeline}`;
    this.history.connected(process, where);
  }

  async #step(client: TransactionClient): Promise<TransactionEnd<unknown>> {
    const ops = this.#plan();
    const { process } = client;
    const txn = this.history.begin(process, ops);
    if (this.#log?.write({ begin: txn, process, at: performance.now(), ops }) === false) {
      this.history.complete(txn, 'fail');
      return { outcome: 'fail', value: undefined, error: this.#log.failure };
    }
    const end = await client.run((statement) => this.#execute(statement, ops));
    const reads = end.value?.map(({ read }) => read);
    const short = this.history.complete(txn, end.outcome, reads);
    const why = end.error === undefined ? undefined : errorReason(end.error);
    this.#log?.write({
      end: txn,
      at: performance.now(),
      as: end.outcome,
      reads: short.map(({ from, tail }) => [from, tail]),
      why,
    });
    for (const { key, read, hash } of end.value ?? []) this.#remember(key, read, hash);
    return end;
  }

  /** Appends go in the order of the keys, so that transactions wait for each other and seldom deadlock, which takes a second to be noticed. */
  #plan(): AppendOp[] {
    const { maxOps, writesPerKey, update } = this.options;
    const pick = (): number => Math.floor(this.#random() * this.#active.length);
    const wanted = Array.from({ length: 1 + Math.floor(this.#random() * maxOps) }, () => ({
      append: this.#random() < 0.5,
      slot: pick(),
    }));
    const slots = wanted.filter(({ append }) => append).map(({ slot }) => slot);
    slots.sort((a, b) => (this.#active[a]?.key ?? 0) - (this.#active[b]?.key ?? 0));
    const ops: AppendOp[] = [];
    for (const { append, slot } of wanted) {
      const active = this.#active[append ? (slots.shift() ?? slot) : slot];
      if (active === undefined) throw new RangeError('no keys');
      if (!append || update === 'read-modify-write') ops.push(['read', active.key]);
      if (!append) continue;
      ops.push(['append', active.key, ++active.handedOut]);
      if (active.handedOut === writesPerKey) {
        active.key = this.#nextKey++;
        active.handedOut = 0;
      }
    }
    return ops;
  }

  async #execute(statement: Statement, ops: readonly AppendOp[]): Promise<KeyRead[]> {
    const reads: KeyRead[] = [];
    // what this transaction believes a list to be, for writing it back
    const lists = new Map<number, number[]>();
    for (const op of ops) {
      const [kind, key] = op;
      if (kind === 'read') {
        const found = await this.#read(statement, key);
        reads.push(found);
        const { from, tail } = found.read;
        lists.set(key, [...(this.history.key(key)?.order.slice(0, from) ?? []), ...tail]);
      } else if (this.options.update === 'in-place') {
        await statement(
          `insert into ${this.#table} as l (k, v) values ($1, array[$2::int]) on conflict (k) do update set v = l.v || excluded.v`,
          [key, op[2]],
          'append',
        );
      } else {
        const list = [...(lists.get(key) ?? []), op[2]];
        lists.set(key, list);
        await statement(
          `insert into ${this.#table} (k, v) values ($1, $2::int[]) on conflict (k) do update set v = excluded.v`,
          [key, `{${list.join(',')}}`],
          'replace',
        );
      }
    }
    return reads;
  }

  /** The server is told what is known of a list by length and hash, and sends only what comes after it when that agrees. */
  async #read(statement: Statement, key: number): Promise<KeyRead> {
    const known = this.#known.get(key);
    const [row] = await statement(
      `select same, hash_array_extended(v, 0)::text, (case when same then v[$2::int + 1:] else v end)::text
         from (select v, coalesce(hash_array_extended(v[1:$2::int], 0) = $3::bigint, false) as same from ${this.#table} where k = $1) as l`,
      [key, known?.length ?? 0, known?.hash ?? null],
      'read',
    );
    if (row === undefined) return { key, read: { from: 0, tail: [] }, hash: undefined };
    const from = row[0] === true ? (known?.length ?? 0) : 0;
    return { key, read: { from, tail: elements(row[2]) }, hash: String(row[1]) };
  }

  #remember(key: number, { from, tail }: ListRead, hash: string | undefined): void {
    const length = from + tail.length;
    if (hash === undefined || length <= (this.#known.get(key)?.length ?? 0)) return;
    // only a list that the order of the key begins with may stand for it
    const order = this.history.key(key)?.order ?? [];
    if (order.length < length || tail.some((value, i) => order[from + i] !== value)) return;
    this.#known.set(key, { length, hash });
  }

  async #readAll(statement: Statement): Promise<Map<number, number[]>> {
    const rows = await statement(`select k, v::text from ${this.#table}`, []);
    return new Map(rows.map(([key, list]) => [Number(key), elements(list)]));
  }

  #recordEnd(lists: ReadonlyMap<number, number[]>): void {
    const keys = [...new Set([...this.history.keys.map(({ key }) => key), ...lists.keys()])];
    const ops = keys.map((key) => ['read', key] as const);
    const txn = this.history.begin(-1, ops);
    this.history.final = txn;
    this.#log?.write({ begin: txn, process: -1, at: performance.now(), ops, final: true });
    const reads = keys.map((key) => ({ from: 0, tail: lists.get(key) ?? [] }));
    const short = this.history.complete(txn, 'ok', reads);
    this.#log?.write({ end: txn, at: performance.now(), as: 'ok', reads: short.map(({ from, tail }) => [from, tail]) });
  }
}

interface KeyRead {
  readonly key: number;
  readonly read: ListRead;
  /** Hash of the whole list, as the server computes it. */
  readonly hash: string | undefined;
}

/** The elements of an array of integers in PostgreSQL's text format. */
function elements(text: unknown): number[] {
  const inner = String(text).slice(1, -1);
  return inner === '' ? [] : inner.split(',').map(Number);
}
