import { describe, expect, test } from 'vitest';
import { BankHistory } from '../../src/ledger/transactions/bank/bank-history.ts';
import type { Transfer } from '../../src/ledger/transactions/bank/bank-history.ts';
import { checkBank } from '../../src/ledger/transactions/bank/check-bank.ts';
import type { BankCheck, BankAnomaly } from '../../src/ledger/transactions/bank/check-bank.ts';
import type { Outcome } from '../../src/ledger/outcome.ts';

const [RC, RR, SER] = ['read committed', 'repeatable read', 'serializable'] as const;

/** A bank of three accounts with 10 each. */
class Told {
  readonly history = new BankHistory({ accounts: 3, balance: 10 });
  readonly #balances = [10, 10, 10];
  readonly #journal: (Transfer & { txn: number })[] = [];

  transfer(
    outcome: Outcome,
    [debit, credit, amount]: readonly [number, number, number],
    happened = outcome !== 'fail',
  ): this {
    const transfer = { debit, credit, amount };
    const txn = this.history.begin(1, transfer);
    this.history.complete(txn, outcome);
    if (!happened) return this;
    this.#balances[debit] = (this.#balances[debit] ?? 0) - amount;
    this.#balances[credit] = (this.#balances[credit] ?? 0) + amount;
    this.#journal.push({ ...transfer, txn });
    return this;
  }

  read(...balances: number[]): this {
    const seen = balances.length > 0 ? balances : this.#balances;
    this.history.complete(this.history.begin(2, undefined), 'ok', new Map(seen.map((value, id) => [id, value])));
    return this;
  }

  end(change?: (end: { balances: Map<number, number>; journal: (Transfer & { txn: number })[] }) => void): BankHistory {
    const end = { balances: new Map(this.#balances.map((value, id) => [id, value])), journal: [...this.#journal] };
    change?.(end);
    this.history.end = end;
    return this.history;
  }
}

const run = () => new Told().transfer('ok', [0, 1, 3]).read();

const found = (history: BankHistory, options: Partial<BankCheck> = {}) => {
  const { verdict, findings, reasons, notes } = checkBank(history, { isolation: SER, ...options });
  return { verdict, types: findings.map(({ type, count }) => `${type} ${count}`), reasons, notes };
};

describe('bank', () => {
  test('adds up, whatever became of transfers of unknown outcome', () => {
    const history = run()
      .transfer('info', [1, 2, 4], true)
      .transfer('info', [1, 2, 5], false)
      .transfer('fail', [0, 2, 1])
      .read()
      .end();
    expect(found(history)).toMatchObject({ verdict: 'pass', types: [], reasons: [] });
    expect(checkBank(history, { isolation: SER }).counts).toEqual({
      attempted: 6,
      ok: 3,
      okWeak: 0,
      failed: 1,
      unknown: 2,
    });
  });

  const damaged: [BankAnomaly, () => BankHistory, string][] = [
    [
      'wrong-total',
      () => run().read(10, 10, 9).end(),
      'T2 (process 2) read a total of 29 instead of 30: { 0: 10, 1: 10, 2: 9 }',
    ],
    ['wrong-accounts', () => run().read(20, 10).end(), 'T2 (process 2) read 2 accounts instead of 3: { 0: 20, 1: 10 }'],
    [
      'negative-balance',
      () => run().read(-1, 21, 10).end(),
      'T2 (process 2) read a balance below zero: { 0: -1, 1: 21, 2: 10 }',
    ],
    [
      'lost-transfer',
      () => run().transfer('ok', [1, 2, 4], false).end(),
      'T2 (process 1) was acknowledged, and its transfer of 4 from 1 to 2 is not in the journal',
    ],
    [
      'lost-transfer-weak',
      () => run().transfer('ok-weak', [1, 2, 4], false).end(),
      'T2 (process 1) was weakly acknowledged, and its transfer of 4 from 1 to 2 is not in the journal',
    ],
    [
      'phantom-transfer',
      () => run().transfer('fail', [1, 2, 4], true).end(),
      'T2 (process 1) failed, and its transfer of 4 from 1 to 2 is in the journal',
    ],
    [
      'unexplained-balance',
      () => run().end(({ balances }) => balances.set(2, 11)),
      'account 2 is 11 at the end, by the journal it should be 10',
    ],
    [
      'changed-transfer',
      () =>
        run().end(({ journal, balances }) => {
          journal[0] = { txn: 0, debit: 0, credit: 2, amount: 3 };
          balances.set(1, 10).set(2, 13);
        }),
      'T0 (process 1) meant transfer of 3 from 0 to 1, the journal says transfer of 3 from 0 to 2',
    ],
    [
      'duplicated-transfer',
      () =>
        run().end(({ journal, balances }) => {
          journal.push({ txn: 0, debit: 0, credit: 1, amount: 3 });
          balances.set(0, 4).set(1, 16);
        }),
      'the journal has the transfer of T0 (process 1) 2 times',
    ],
    [
      'unexpected-transfer',
      () =>
        run().end(({ journal, balances }) => {
          journal.push({ txn: 99, debit: 0, credit: 1, amount: 1 });
          balances.set(0, 6).set(1, 14);
        }),
      'the journal has transfer 99, transfer of 1 from 0 to 1, which nobody made',
    ],
  ];

  test.each(damaged)('%s', (type, history, words) => {
    const answer = found(history());
    expect(answer.verdict).toBe('fail');
    expect(answer.types).toEqual([`${type} 1`]);
    expect(answer.reasons).toEqual([`${type}: ${words}`]);
  });

  test('what read committed allows is told and not held against it', () => {
    const overdrawn = run().read(-1, 21, 10).end();
    expect(found(overdrawn, { isolation: RC })).toMatchObject({ verdict: 'pass', types: ['negative-balance 1'] });
    expect(found(overdrawn, { isolation: RC, expected: RR }).verdict).toBe('fail');
    expect(found(overdrawn, { overdraft: true })).toMatchObject({ verdict: 'pass', types: [] });
    const lost = run().read(10, 10, 9).end();
    expect(found(lost, { isolation: RC, transfer: 'absolute' })).toMatchObject({ verdict: 'pass' });
    expect(found(lost, { isolation: RC }).verdict).toBe('fail');
  });

  test('what proves nothing is inconclusive', () => {
    expect(found(new Told().transfer('fail', [0, 1, 1]).read().end())).toMatchObject({
      verdict: 'inconclusive',
      reasons: ['no transfer was acknowledged, so nothing was tested'],
    });
    expect(found(new Told().transfer('ok', [0, 1, 1]).end()).reasons[0]).toContain('no read was acknowledged');
    expect(found(run().history).reasons).toEqual(['the bank was not read at the end, so loss cannot be excluded']);
    expect(found(run().end(), { doubts: ['a worker broke'] })).toMatchObject({ verdict: 'inconclusive' });
    const broken = run().end();
    broken.end = { balances: new Map(), journal: null as never };
    expect(found(broken).reasons.join()).toContain('the check of the bank broke');
  });

  test('an end that comes twice is a defect', () => {
    const { history } = run();
    expect(() => history.complete(0, 'ok')).toThrow('transaction 0 is not open');
    expect(() => history.complete(9, 'ok')).toThrow('transaction 9 is not open');
  });
});
