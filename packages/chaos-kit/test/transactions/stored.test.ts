import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HistoryError, HistoryWriteError } from '../../src/ledger/history/history-error.ts';
import { verifyStoredTransactions } from '../../src/ledger/transactions/verify-stored.ts';
import { TransactionLog } from '../../src/ledger/transactions/transaction-log.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stored-transactions-'));
  file = join(dir, 'deep', 'run.jsonl');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const levels = { isolation: 'serializable', expected: 'serializable' };

function append(): TransactionLog {
  const log = TransactionLog.create(file, { workload: 'list-append', options: levels });
  log.write({ connected: 0, at: 1, server: 'a:5432', timeline: 1, inRecovery: false });
  log.write({ begin: 0, process: 0, at: 1, ops: [['append', 1, 1]] });
  log.write({ end: 0, at: 2, as: 'ok', reads: [] });
  log.write({
    begin: 1,
    process: 0,
    at: 3,
    ops: [
      ['read', 1],
      ['append', 1, 2],
    ],
  });
  log.write({ end: 1, at: 4, as: 'ok', reads: [[0, [1]]] });
  log.write({ begin: 2, process: -1, at: 5, ops: [['read', 1]], final: true });
  return log;
}

describe('stored transactions', () => {
  test('are judged as they were: clean, lost, and not read', () => {
    const log = append();
    log.write({ end: 2, at: 6, as: 'ok', reads: [[1, [2]]] });
    log.close();
    expect(verifyStoredTransactions(file)).toMatchObject({
      workload: 'list-append',
      verdict: 'pass',
      counts: { ok: 3 },
    });

    rmSync(file);
    const lossy = append();
    lossy.write({ end: 2, at: 6, as: 'ok', reads: [[1, []]] });
    lossy.close();
    const lost = verifyStoredTransactions(file);
    expect(lost.verdict).toBe('fail');
    expect(lost.reasons[0]).toContain(
      'lost-append: 2 is not in key 1 at the end, [1]; T1 (process 0 at a:5432 on timeline 1)',
    );

    rmSync(file);
    append().close();
    expect(verifyStoredTransactions(file)).toMatchObject({
      verdict: 'inconclusive',
      reasons: ['the keys were not read at the end, so loss cannot be excluded'],
      counts: { unknown: 1 },
    });
  });

  test('a torn end is cut, at any byte', () => {
    append().close();
    const whole = readFileSync(file);
    const lastLine = whole.lastIndexOf(10, whole.length - 2) + 1;
    for (let end = whole.length - 1; end >= lastLine; end--) {
      truncateSync(file, end);
      expect(verifyStoredTransactions(file).counts).toMatchObject({ attempted: 2, ok: 2 });
    }
  });

  test.each([
    ['nothing', ''],
    ['another file', 'hello\n'],
    ['other JSON', '{"format":"else"}\n'],
    ['another version', '{"format":"cnpg-chaos/transactions","version":2}\n'],
  ])('%s is refused', (_, text) => {
    file = join(dir, 'x.jsonl');
    writeFileSync(file, text);
    expect(() => verifyStoredTransactions(file)).toThrow(HistoryError);
    expect(() => verifyStoredTransactions(file)).toThrow('is no history of transactions');
  });

  test('a line that cannot be is refused with its place', () => {
    append().close();
    const { length } = readFileSync(file);
    appendFileSync(file, '{"end":0,"at":9,"as":"ok","reads":[]}\n');
    expect(() => verifyStoredTransactions(file)).toThrow(
      `at byte ${length}: a line that cannot be: transaction 0 is not open`,
    );
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/\{"begin":1.*\n/, ''));
    expect(() => verifyStoredTransactions(file)).toThrow('a line that cannot be');
    expect(() => verifyStoredTransactions(join(dir, 'missing'))).toThrow('cannot be read');
  });

  test('a bank', () => {
    const options = { ...levels, accounts: 2, balance: 5, overdraft: false, transfer: 'relative' };
    const log = TransactionLog.create(file, { workload: 'bank', options });
    log.write({ begin: 0, process: 0, at: 1, transfer: { debit: 0, credit: 1, amount: 2 } });
    log.write({ end: 0, at: 2, as: 'ok' });
    log.write({ begin: 1, process: 0, at: 3 });
    log.write({
      end: 1,
      at: 4,
      as: 'ok',
      read: [
        [0, 3],
        [1, 7],
      ],
    });
    log.write({
      balances: [
        [0, 3],
        [1, 7],
      ],
      journal: [[0, 0, 1, 2]],
    });
    log.close();
    expect(verifyStoredTransactions(file)).toMatchObject({ workload: 'bank', verdict: 'pass' });
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('"journal":[[0,0,1,2]]', '"journal":[]'));
    expect(verifyStoredTransactions(file).findings.map(({ type }) => type)).toEqual([
      'lost-transfer',
      'unexplained-balance',
    ]);
  });
});

test.each([
  ['list-append-clean', 'pass', []],
  ['list-append-write-skew', 'fail', ['G2-item']],
  ['list-append-lost', 'fail', ['lost-append', 'lost-update', 'G-single', 'G2-item', 'G0-realtime']],
  ['bank-lost', 'fail', ['lost-transfer']],
  ['bank-torn', 'fail', ['wrong-total']],
])('golden history %s: %s', (name, verdict, types) => {
  const found = verifyStoredTransactions(fileURLToPath(new URL(`golden/${name}.jsonl`, import.meta.url)));
  expect({ verdict: found.verdict, types: found.findings.map(({ type }) => type) }).toEqual({ verdict, types });
});

describe('the file of a run', () => {
  test('is not overwritten, and says why it cannot be written', () => {
    append().close();
    expect(() => append()).toThrow(HistoryWriteError);
    expect(() => TransactionLog.create(join(file, 'below-a-file'), { workload: 'bank', options: {} })).toThrow(
      'cannot be written',
    );
    expect(existsSync(file)).toBe(true);
  });

  test('that is closed takes nothing more', () => {
    const log = append();
    log.close();
    expect(log.write({ begin: 3 })).toBe(false);
  });

  test('that is full stops the run, is told once, and stays readable', () => {
    let room = 2;
    const write = ((fd: number, bytes: Buffer, at: number) => {
      if (room-- > 0) return writeSync(fd, bytes, at);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    }) as typeof writeSync;
    const log = TransactionLog.create(file, { workload: 'list-append', options: levels }, write);
    let told = 0;
    log.onFailure = () => told++;
    expect(log.write({ begin: 0, process: 0, at: 1, ops: [['append', 1, 1]] })).toBe(true);
    expect(log.write({ end: 0, at: 2, as: 'ok', reads: [] })).toBe(false);
    expect(log.write({ begin: 1, process: 0, at: 1, ops: [] })).toBe(false);
    expect(told).toBe(1);
    expect(log.failure?.message).toContain('no space left on device');
    log.close();
    expect(verifyStoredTransactions(file)).toMatchObject({
      verdict: 'inconclusive',
      counts: { attempted: 1, unknown: 1 },
    });
    rmSync(file);
    room = 0;
    expect(() => TransactionLog.create(file, { workload: 'bank', options: {} }, write)).toThrow('no space left');
  });
});
