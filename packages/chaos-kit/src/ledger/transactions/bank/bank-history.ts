import type { Outcome } from '../../outcome.ts';
import { IntColumn } from '../int-column.ts';

/** Moves an amount from one account to another. */
export interface Transfer {
  readonly debit: number;
  readonly credit: number;
  readonly amount: number;
}

/** What the bank was like at the end. */
export interface BankEnd {
  /** Account → balance. */
  readonly balances: ReadonlyMap<number, number>;
  /** Rows of the journal: number of the transaction → what it says it did, each as often as it is there. */
  readonly journal: readonly (Transfer & { readonly txn: number })[];
}

/** A read that does not add up. */
export interface OddRead {
  readonly txn: number;
  readonly process: number;
  readonly balances: ReadonlyMap<number, number>;
}

/** The bank that a run begins with. */
export interface BankShape {
  readonly accounts: number;
  /** Of each account at the beginning. */
  readonly balance: number;
}

const OUTCOMES = ['ok', 'ok-weak', 'fail', 'info'] as const satisfies readonly Outcome[];
const OPEN = 4;
const MAX_KEPT = 10;

/** Every transaction of a bank run. Reads are looked at when they arrive; the first that do not add up are kept. */
export class BankHistory {
  readonly shape: BankShape;
  end: BankEnd | undefined;
  /** Reads that committed. */
  reads = 0;
  /** Reads with another total, with other accounts, with an account below zero: how often, and the first of them. */
  readonly odd = {
    total: { count: 0, first: [] as OddRead[] },
    accounts: { count: 0, first: [] as OddRead[] },
    negative: { count: 0, first: [] as OddRead[] },
  };
  readonly #process = new IntColumn();
  readonly #outcome = new IntColumn();
  /** -1 for a read. */
  readonly #debit = new IntColumn();
  readonly #credit = new IntColumn();
  readonly #amount = new IntColumn();
  readonly #where = new Map<number, string>();

  constructor(shape: BankShape) {
    this.shape = shape;
  }

  get length(): number {
    return this.#process.length;
  }

  /** Notes a transaction that is about to be sent: a transfer, or a read of all accounts. Returns its number. */
  begin(process: number, transfer: Transfer | undefined): number {
    this.#outcome.push(OPEN);
    this.#debit.push(transfer?.debit ?? -1);
    this.#credit.push(transfer?.credit ?? -1);
    this.#amount.push(transfer?.amount ?? 0);
    return this.#process.push(process);
  }

  /** Notes the end of a transaction; `balances` are what a read found. @throws RangeError when it had ended already. */
  complete(txn: number, outcome: Outcome, balances?: ReadonlyMap<number, number>): void {
    if (txn >= this.length || this.#outcome.at(txn) !== OPEN) {
      throw new RangeError(`transaction ${txn} is not open, so it cannot end as ${outcome}`);
    }
    this.#outcome.set(txn, OUTCOMES.indexOf(outcome));
    if (balances === undefined || !this.acknowledged(txn)) return;
    this.reads++;
    const { accounts, balance } = this.shape;
    const values = [...balances.values()];
    const total = values.reduce((sum, value) => sum + value, 0);
    const read = { txn, process: this.process(txn), balances };
    const keep = (odd: { count: number; first: OddRead[] }): void => {
      odd.count++;
      if (odd.first.length < MAX_KEPT) odd.first.push(read);
    };
    const complete = balances.size === accounts && values.length === accounts;
    if (!complete || [...balances.keys()].some((id) => id < 0 || id >= accounts)) keep(this.odd.accounts);
    else if (total !== accounts * balance) keep(this.odd.total);
    if (values.some((value) => value < 0)) keep(this.odd.negative);
  }

  /** What a transaction was to move; `undefined` for a read. */
  transfer(txn: number): Transfer | undefined {
    const debit = this.#debit.at(txn);
    if (txn >= this.length || debit < 0) return undefined;
    return { debit, credit: this.#credit.at(txn), amount: this.#amount.at(txn) };
  }

  process(txn: number): number {
    return this.#process.at(txn);
  }

  /** A transaction that has no end counts as unknown. */
  outcome(txn: number): Outcome {
    return OUTCOMES[this.#outcome.at(txn)] ?? 'info';
  }

  acknowledged(txn: number): boolean {
    return this.#outcome.at(txn) <= 1;
  }

  /** Says where a process was connected to, for explanations. */
  connected(process: number, where: string): void {
    this.#where.set(process, where);
  }

  /** A transaction by its number, its process, and the server that this was connected to. */
  name(txn: number): string {
    const process = this.process(txn);
    const where = this.#where.get(process);
    return `T${txn} (process ${process}${where === undefined ? '' : ` at ${where}`})`;
  }
}
