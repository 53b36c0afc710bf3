import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bank, ListAppend, verifyStoredTransactions } from '../../src/ledger/transactions/index.ts';
import type { BankOptions, ListAppendOptions } from '../../src/ledger/transactions/index.ts';
import { checkBank } from '../../src/ledger/transactions/bank/check-bank.ts';
import { checkListAppend } from '../../src/ledger/transactions/list-append/check-list-append.ts';
import { until } from './container-host.ts';
import { PostgresCluster } from './postgres-cluster.ts';

const SHORT = { rate: 'closed', workers: 8, seed: 5, keepTables: 'never' } as const;
const WAIT = { timeoutMs: 30_000 };

// The anomalies are real ones of PostgreSQL: what a level allows, it shows; what it forbids, it does not.
describe('transactions on one primary', () => {
  let cluster: PostgresCluster;
  let dir: string;
  beforeAll(async () => {
    cluster = await PostgresCluster.start({ standbys: 0, sync: false });
    dir = mkdtempSync(join(tmpdir(), 'transactions-'));
  });
  afterAll(async () => {
    rmSync(dir, { recursive: true, force: true });
    await cluster[Symbol.asyncDispose]();
  });

  async function append(commits: number, options: Partial<ListAppendOptions>): Promise<ListAppend> {
    const workload = await ListAppend.start(cluster.target, { ...SHORT, ...options });
    await workload.waitForCommits(commits, WAIT);
    await workload.verify({ final: cluster.final });
    return workload;
  }

  async function bank(commits: number, options: Partial<BankOptions>): Promise<Bank> {
    const workload = await Bank.start(cluster.target, { ...SHORT, ...options });
    await workload.waitForCommits(commits, WAIT);
    await workload.verify({ final: cluster.final });
    return workload;
  }

  const typesOf = (found: { findings: readonly { type: string; forbidden: boolean }[] } | undefined): string[] =>
    (found?.findings ?? []).filter(({ forbidden }) => forbidden).map(({ type }) => type);

  test('list-append at serializable is clean, and its stored history says the same', async () => {
    const historyFile = join(dir, 'append.jsonl');
    await using workload = await append(500, { historyFile, isolation: 'serializable' });
    const found = workload.verification;
    expect(found?.reasons).toEqual([]);
    expect(found).toMatchObject({ verdict: 'pass', counts: { unknown: 0, okWeak: 0 } });
    expect(found?.failures.map(({ reason }) => reason.slice(0, 11))).toContain('fail: 40001');
    const { durationMs: _, failures: __, ...stored } = verifyStoredTransactions(historyFile);
    expect(found).toMatchObject(stored);
    await workload[Symbol.asyncDispose]();
    expect(await cluster.primary.sql("select 1 from pg_tables where tablename like 'chaos_append%'")).toEqual([]);
  });

  test('list-append at repeatable read shows write skew, which serializable would forbid', async () => {
    await using workload = await append(800, { isolation: 'repeatable read', keys: 4 });
    expect(workload.verification).toMatchObject({ verdict: 'pass', reasons: [] });
    expect(workload.verification?.notes.join()).toContain('allowed at this level: G2-item');
    const held = checkListAppend(workload.history, { isolation: 'repeatable read', expected: 'serializable' });
    expect(held.verdict).toBe('fail');
    expect(typesOf(held)).toContain('G2-item');
    expect(held.reasons[0]).toMatch(/^G2-item.*: T\d+ → T\d+.*, which is no order: T\d+ read key/);
  });

  test('list-append at read committed shows what snapshots forbid', async () => {
    await using workload = await append(800, { isolation: 'read committed', keys: 4 });
    expect(workload.verification).toMatchObject({ verdict: 'pass', reasons: [] });
    const held = checkListAppend(workload.history, { isolation: 'read committed', expected: 'repeatable read' });
    expect(held.verdict).toBe('fail');
    expect(typesOf(held)).toEqual(expect.arrayContaining(['non-repeatable-read', 'G-single']));
  });

  test('read-modify-write at read committed loses updates, and at repeatable read none', async () => {
    await using lossy = await append(600, { isolation: 'read committed', update: 'read-modify-write', keys: 4 });
    expect(lossy.verification?.verdict).toBe('fail');
    expect(typesOf(lossy.verification)).toEqual(expect.arrayContaining(['lost-append', 'incompatible-order']));
    expect(lossy.verification?.findings.map(({ type }) => type)).toContain('lost-update');
    await using kept = await append(300, { isolation: 'repeatable read', update: 'read-modify-write', keys: 4 });
    expect(kept.verification).toMatchObject({ verdict: 'pass', reasons: [] });
  });

  test('a long list is read by its end, and a wrong one as a whole', async () => {
    await using workload = await ListAppend.start(cluster.target, {
      ...SHORT,
      keys: 2,
      writesPerKey: 100_000,
      isolation: 'read committed',
    });
    await workload.waitForCommits(600, WAIT);
    const [table] = await cluster.primary.sql(
      "select tablename from pg_tables where tablename ~ '^chaos_append.*_list'",
    );
    const name = String(table?.['tablename']);
    // the second element of a list that everybody knows by heart is changed
    await cluster.primary.sql(`update ${name} set v[2] = 999999 where k = 0`);
    await workload.waitForCommits(200, WAIT);
    const found = await workload.verify({ final: cluster.final });
    expect(found.verdict).toBe('fail');
    expect(typesOf(found)).toEqual(expect.arrayContaining(['incompatible-order', 'unexpected-append', 'lost-append']));
    expect(found.reasons.join('\n')).toContain('999999 was read in key 0, nobody appended it');
  });

  test('a bank at serializable adds up, and its stored history says the same', async () => {
    const historyFile = join(dir, 'bank.jsonl');
    await using workload = await bank(400, { historyFile });
    const found = workload.verification;
    expect(found?.reasons).toEqual([]);
    expect(found).toMatchObject({ verdict: 'pass', findings: [] });
    const { durationMs: _, failures: __, ...stored } = verifyStoredTransactions(historyFile);
    expect(found).toMatchObject(stored);
  });

  test('a bank whose clients compute loses money at read committed', async () => {
    await using workload = await bank(400, { isolation: 'read committed', transfer: 'absolute', accounts: 3 });
    expect(workload.verification?.verdict).toBe('pass');
    const held = checkBank(workload.history, { ...workload.options, expected: 'repeatable read' });
    expect(held.verdict).toBe('fail');
    expect(typesOf(held)).toEqual(expect.arrayContaining(['wrong-total', 'unexplained-balance']));
    expect(held.reasons[0]).toMatch(/wrong-total × \d+: T\d+ .* read a total of \d+ instead of 300/);
  });

  test('a bank that is robbed says so', async () => {
    await using workload = await Bank.start(cluster.target, SHORT);
    await workload.waitForCommits(200, WAIT);
    await workload.stop();
    const table = async (kind: string) => {
      const rows = await cluster.primary.sql(
        `select tablename from pg_tables where tablename like 'chaos_bank%_${kind}'`,
      );
      return String(rows[0]?.['tablename']);
    };
    await cluster.primary.sql(
      `update ${await table('account')} set balance = balance - 7 where id = 3;
       delete from ${await table('journal')} where ctid = (select min(ctid) from ${await table('journal')})`,
    );
    const found = await workload.verify({ final: cluster.final });
    expect(found.verdict).toBe('fail');
    expect(found.findings.map(({ type, count }) => `${type} ${count}`)).toContain('lost-transfer 1');
    expect(typesOf(found)).toContain('unexplained-balance');
    expect(found.reasons.join('\n')).toMatch(/lost-transfer: T\d+ \(process \d+ at .*\) was acknowledged/);
  });
});

describe('transactions across a failover', () => {
  test('to the synchronous standby lose nothing and stay serializable', async () => {
    await using cluster = await PostgresCluster.start();
    await using append = await ListAppend.start(cluster.target, { ...SHORT, rate: 200 });
    await using bank = await Bank.start(cluster.target, { ...SHORT, rate: 200 });
    await append.waitForCommits(200, WAIT);
    await cluster.primary.kill();
    await cluster.standby().promote();
    await cluster.standby().configure({ synchronous_standby_names: '' });
    cluster.route = cluster.standby();
    await Promise.all([append.waitForCommits(200, WAIT), bank.waitForCommits(200, WAIT)]);
    const found = [await append.verify({ final: cluster.final }), await bank.verify({ final: cluster.final })];
    for (const { verdict, reasons, failures } of found) {
      expect(reasons).toEqual([]);
      expect(verdict).toBe('pass');
      expect(failures.map(({ reason }) => reason).join()).toContain('ECONNREFUSED');
    }
  });

  test('to a standby that had been cut off lose transactions, which both name', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using append = await ListAppend.start(cluster.target, { ...SHORT, rate: 200 });
    await using bank = await Bank.start(cluster.target, { ...SHORT, rate: 200 });
    await Promise.all([append.waitForCommits(100, WAIT), bank.waitForCommits(100, WAIT)]);
    await cluster.standby().follow(undefined);
    await until('no standby', async () =>
      (await cluster.primary.value('select count(*) from pg_stat_replication')) === '0' ? true : undefined,
    );
    await Promise.all([append.waitForCommits(50, WAIT), bank.waitForCommits(50, WAIT)]);
    await cluster.primary.kill();
    await cluster.standby().promote();
    cluster.route = cluster.standby();
    await Promise.all([append.waitForCommits(100, WAIT), bank.waitForCommits(100, WAIT)]);
    const lists = await append.verify({ final: cluster.final });
    const money = await bank.verify({ final: cluster.final });
    const count = (found: typeof lists | typeof money, type: string) =>
      found.findings.find((finding) => finding.type === type)?.count ?? 0;
    expect(lists.verdict).toBe('fail');
    expect(count(lists, 'lost-append')).toBeGreaterThan(10);
    expect(money.verdict).toBe('fail');
    expect(count(money, 'lost-transfer')).toBeGreaterThan(10);
    expect(lists.reasons.join('\n')).toMatch(
      /lost-append × \d+: .* on timeline 1\) had appended it and was acknowledged/,
    );
    // what is left of the bank still adds up: whole transfers are gone
    expect(count(money, 'wrong-total')).toBe(0);
  });
});
