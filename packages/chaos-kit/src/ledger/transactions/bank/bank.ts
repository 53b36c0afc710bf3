import { errorReason } from '../../errors.ts';
import type { SessionFacts } from '../../session.ts';
import type { FinalReader, LedgerTarget } from '../../target.ts';
import { randomOf } from '../random.ts';
import { RollbackError } from '../transaction-client.ts';
import type { Statement, TransactionClient, TransactionEnd } from '../transaction-client.ts';
import { TransactionLog } from '../transaction-log.ts';
import { resolveTransactionOptions, wholeNumber } from '../transaction-options.ts';
import type { ResolvedTransactionOptions, TransactionOptions } from '../transaction-options.ts';
import { TransactionRun } from '../transaction-run.ts';
import type { TransactionProgress } from '../transaction-run.ts';
import { BankHistory } from './bank-history.ts';
import type { BankEnd, Transfer } from './bank-history.ts';
import { checkBank } from './check-bank.ts';
import type { BankVerification } from './check-bank.ts';

/** Options of a bank run. */
export interface BankOptions extends TransactionOptions {
  /** How many accounts, 2 to 10 000. Default 10. */
  accounts?: number | undefined;
  /** Of each account at the beginning, 0 to 1 000 000. Default 100. */
  balance?: number | undefined;
  /** Largest amount of a transfer, 1 to 1 000 000. Default 10. */
  maxAmount?: number | undefined;
  /** Whether balances may fall below zero; otherwise the client refuses a transfer that would. Default false. */
  overdraft?: boolean | undefined;
  /**
   * How balances are changed. Default `relative`: the server adds and subtracts. `absolute`: the client reads, computes, and writes;
   * below repeatable read that loses updates.
   */
  transfer?: 'relative' | 'absolute' | undefined;
}

/** Options with every default filled in. */
export interface ResolvedBankOptions extends ResolvedTransactionOptions {
  readonly accounts: number;
  readonly balance: number;
  readonly maxAmount: number;
  readonly overdraft: boolean;
  readonly transfer: 'relative' | 'absolute';
}

/**
 * Transfers between accounts, with a journal, and reads of all accounts, on one connection per worker: money neither comes into
 * being nor vanishes, whatever breaks.
 */
export class Bank implements AsyncDisposable {
  readonly options: ResolvedBankOptions;
  readonly history: BankHistory;
  readonly #log: TransactionLog | undefined;
  readonly #random: () => number;
  #run: TransactionRun | undefined;
  #verification: BankVerification | undefined;

  private constructor(options: ResolvedBankOptions, log: TransactionLog | undefined) {
    this.options = options;
    this.history = new BankHistory({ accounts: options.accounts, balance: options.balance });
    this.#log = log;
    this.#random = randomOf(options.seed);
  }

  /** Creates the accounts, connects every worker, and begins. @throws LedgerOptionError, HistoryWriteError, LedgerStartError */
  static async start(target: LedgerTarget, options: BankOptions): Promise<Bank> {
    const resolved: ResolvedBankOptions = {
      ...resolveTransactionOptions('bank', options),
      accounts: wholeNumber('accounts', options.accounts, 10, 2, 10_000),
      balance: wholeNumber('balance', options.balance, 100, 0, 1_000_000),
      maxAmount: wholeNumber('maxAmount', options.maxAmount, 10, 1, 1_000_000),
      overdraft: options.overdraft ?? false,
      transfer: options.transfer ?? 'relative',
    };
    const { historyFile, about } = options;
    const log =
      historyFile === undefined
        ? undefined
        : TransactionLog.create(historyFile, { workload: 'bank', options: { ...resolved }, about });
    const bank = new Bank(resolved, log);
    const { account, journal } = bank.#tables;
    const { accounts, balance } = resolved;
    try {
      bank.#run = await TransactionRun.start(
        target,
        resolved,
        {
          createSql: [
            `create table ${account} (id int primary key, balance bigint not null)`,
            `insert into ${account} select id, ${balance} from generate_series(0, ${accounts - 1}) as id`,
            // without a unique constraint: it is to show duplicates, not to prevent them
            `create table ${journal} (txn int not null, debit int not null, credit int not null, amount int not null)`,
          ],
          tables: [account, journal],
          step: (client) => bank.#step(client),
          connected: (process, facts) => bank.#connected(process, facts),
        },
        { log, signal: options.signal },
      );
    } catch (error) {
      log?.close();
      throw error;
    }
    return bank;
  }

  get progress(): TransactionProgress {
    return this.#started.progress;
  }

  /** The result of the last `verify`, for reports. */
  get verification(): BankVerification | undefined {
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
   * Stops, ends every session that could still commit, reads accounts and journal from the primary, and checks. A read that
   * does not succeed within `timeoutMs` (default 60 s) makes it `inconclusive`, unless something forbidden was seen before.
   */
  async verify(options: { final: FinalReader; timeoutMs?: number; signal?: AbortSignal }): Promise<BankVerification> {
    const run = this.#started;
    await run.stop();
    const doubts = [...run.doubts];
    if (this.history.end === undefined) {
      try {
        const { final, timeoutMs = 60_000, signal } = options;
        const { value } = await run.readEnd((statement) => this.#readEnd(statement), { final, timeoutMs, signal });
        this.history.end = value;
        this.#log?.write({
          balances: [...value.balances],
          journal: value.journal.map(({ txn, debit, credit, amount }) => [txn, debit, credit, amount]),
        });
      } catch (error) {
        doubts.push(errorReason(error));
      }
    }
    this.#verification = checkBank(this.history, { ...this.options, doubts, failures: run.failures });
    if (this.#verification.verdict === 'pass') run.passed();
    return this.#verification;
  }

  /** Drops every connection and, depending on `keepTables`, the tables. Bounded. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run?.[Symbol.asyncDispose]();
  }

  get #started(): TransactionRun {
    if (this.#run === undefined) throw new TypeError('the bank has not opened');
    return this.#run;
  }

  get #tables(): { account: string; journal: string } {
    return { account: `${this.options.prefix}_account`, journal: `${this.options.prefix}_journal` };
  }

  #connected(process: number, { server, timeline, inRecovery }: SessionFacts): void {
    this.#log?.write({ connected: process, at: performance.now(), server, timeline, inRecovery });
    const where = timeline === undefined ? `${server}, in recovery` : `${server} on timeline ${timeline}`;
    this.history.connected(process, where);
  }

  async #step(client: TransactionClient): Promise<TransactionEnd<unknown>> {
    const transfer = this.#random() < 0.5 ? undefined : this.#plan();
    const { process } = client;
    const txn = this.history.begin(process, transfer);
    if (this.#log?.write({ begin: txn, process, at: performance.now(), transfer }) === false) {
      this.history.complete(txn, 'fail');
      return { outcome: 'fail', value: undefined, error: this.#log.failure };
    }
    const end = await client.run((statement) =>
      transfer === undefined ? this.#read(statement) : this.#transfer(statement, txn, transfer),
    );
    this.history.complete(txn, end.outcome, end.value);
    const why = end.error === undefined ? undefined : errorReason(end.error);
    const read = end.value === undefined ? undefined : [...end.value];
    this.#log?.write({ end: txn, at: performance.now(), as: end.outcome, read, why });
    return end;
  }

  #plan(): Transfer {
    const { accounts, maxAmount } = this.options;
    const debit = Math.floor(this.#random() * accounts);
    const credit = (debit + 1 + Math.floor(this.#random() * (accounts - 1))) % accounts;
    return { debit, credit, amount: 1 + Math.floor(this.#random() * maxAmount) };
  }

  async #read(statement: Statement): Promise<Map<number, number>> {
    const rows = await statement(`select id, balance from ${this.#tables.account} order by id`, [], 'read');
    return new Map(rows.map(([id, balance]) => [Number(id), Number(balance)]));
  }

  async #transfer(statement: Statement, txn: number, { debit, credit, amount }: Transfer): Promise<undefined> {
    const { account, journal } = this.#tables;
    const rows = await statement(`select id, balance from ${account} where id = $1 or id = $2`, [debit, credit], 'two');
    const balances = new Map(rows.map(([id, balance]) => [Number(id), Number(balance)]));
    const [from, to] = [balances.get(debit), balances.get(credit)];
    if (from === undefined || to === undefined) throw new RollbackError(`account ${debit} or ${credit} is missing`);
    if (from < amount && !this.options.overdraft) throw new RollbackError('the balance is too small');
    const changes: [account: number, relative: number, absolute: number][] = [
      [debit, -amount, from - amount],
      [credit, amount, to + amount],
    ];
    // in the order of the accounts, so that transfers wait for each other and do not deadlock
    for (const [id, relative, absolute] of changes.toSorted(([a], [b]) => a - b)) {
      if (this.options.transfer === 'relative') {
        await statement(`update ${account} set balance = balance + $2 where id = $1`, [id, relative], 'add');
      } else {
        await statement(`update ${account} set balance = $2 where id = $1`, [id, absolute], 'set');
      }
    }
    await statement(`insert into ${journal} values ($1, $2, $3, $4)`, [txn, debit, credit, amount], 'note');
    return undefined;
  }

  async #readEnd(statement: Statement): Promise<BankEnd> {
    const { account, journal } = this.#tables;
    const accounts = await statement(`select id, balance from ${account}`, []);
    const rows = await statement(`select txn, debit, credit, amount from ${journal}`, []);
    return {
      balances: new Map(accounts.map(([id, balance]) => [Number(id), Number(balance)])),
      journal: rows.map(([txn, debit, credit, amount]) => ({
        txn: Number(txn),
        debit: Number(debit),
        credit: Number(credit),
        amount: Number(amount),
      })),
    };
  }
}
