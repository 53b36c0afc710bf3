import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { Ledger } from '../../src/ledger/index.ts';
import type { LedgerOptions, LedgerVerification } from '../../src/ledger/index.ts';
import { Payloads } from '../../src/ledger/payload.ts';
import { until } from './container-host.ts';
import { PostgresCluster } from './postgres-cluster.ts';
import { PostgresInstance } from './postgres-instance.ts';
import { TcpRelay } from './tcp-relay.ts';

const SEED = 11;

// The tester is tested: each damage must be seen, with exact counts, and nothing else.
describe('the ledger goes red', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  async function startLedger(options: Partial<LedgerOptions> = {}): Promise<Ledger> {
    const ledger = await Ledger.start(cluster.target, {
      writers: 4,
      rate: 1000,
      seed: SEED,
      keepTable: 'never',
      ...options,
    });
    await ledger.waitForAcks(200, { timeoutMs: 10_000 });
    return ledger;
  }

  /** Runs to the end, changes the table, and verifies. */
  async function damaged(sql: (table: string) => string): Promise<LedgerVerification> {
    await using ledger = await startLedger();
    await ledger.stop();
    expect(ledger.progress).toMatchObject({ failed: 0, unknown: 0 });
    await cluster.primary.sql(sql(ledger.options.table));
    return await ledger.verify({ final: cluster.final });
  }

  const CLEAN = { lost: 0, lostWeak: 0, unexpected: 0, duplicated: 0, corrupted: 0, phantomFail: 0, recovered: 0 };

  test('or stays green: a clean run passes with exact counts, and its table is gone', async () => {
    let table = '';
    {
      await using ledger = await startLedger({ keepTable: 'on-failure', expectSync: true });
      ({ table } = ledger.options);
      const result = await ledger.verify({ final: cluster.final });
      expect(result).toMatchObject({
        verdict: 'pass',
        integrity: 'pass',
        reasons: [],
        lost: [],
        timelines: [1],
        notes: [],
      });
      const { attempted } = result.counts;
      expect(attempted).toBeGreaterThanOrEqual(200);
      expect(result.counts).toMatchObject({ ...CLEAN, acknowledged: attempted, rows: attempted, present: attempted });
      expect(result.zeroLossClaim.allowed).toBe(true);
      expect(result.durability.inForce).toMatchObject([
        { synchronousCommit: 'on', synchronousStandbyNames: 'ANY 1 (s1)', fsync: 'on', acknowledged: attempted },
      ]);
      expect(result.durability.standbys).toMatchObject([
        { streaming: 1, synchronous: 1 },
        { streaming: 1, synchronous: 1 },
      ]);
      expect(result.origins).toMatchObject([
        { server: `${cluster.primary.host.address}:${cluster.primary.port}`, timeline: 1, acknowledged: attempted },
      ]);
      // verifying again finds the same: earlier tombstones do not count
      expect((await ledger.verify({ final: cluster.final })).counts).toEqual(result.counts);
    }
    expect(await cluster.primary.value(`select to_regclass('${table}')`)).toBe('null');
  });

  test('when an acknowledged row is deleted', async () => {
    const result = await damaged((table) => `delete from ${table} where writer = 2 and seq = 5`);
    // from the middle: no failover does that
    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail' });
    expect(result.checks.filter(({ verdict }) => verdict === 'fail')).toMatchObject([
      { checker: 'lost', verdict: 'fail', count: 1 },
      { checker: 'hole', verdict: 'fail', count: 1 },
    ]);
    expect(result.counts).toMatchObject({ ...CLEAN, lost: 1, present: result.counts.acknowledged - 1 });
    const server = `${cluster.primary.host.address}:${cluster.primary.port}`;
    expect(result.lost).toMatchObject([{ writer: 2, seq: 5, outcome: 'ok', timeline: 1, server }]);
    expect(result.lossByOrigin).toMatchObject([{ server, timeline: 1, lost: 1 }]);
    expect(result.reasons[0]).toBe('1 acknowledged write is lost');
  });

  test('when a row appears that nobody wrote', async () => {
    const result = await damaged(
      (table) => `insert into ${table} (writer, seq, epoch, payload) values (99, 0, 1, 'x')`,
    );
    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail', unexpected: [{ writer: 99, seq: 0 }] });
    expect(result.counts).toMatchObject({ ...CLEAN, unexpected: 1 });
  });

  test('when a number appears that was not handed out yet', async () => {
    const result = await damaged(
      (table) => `insert into ${table} (writer, seq, epoch, payload) values (0, 1000000, 1, 'x')`,
    );
    expect(result.counts).toMatchObject({ ...CLEAN, unexpected: 1 });
  });

  test('when a row is duplicated', async () => {
    const result = await damaged(
      (table) => `insert into ${table} select * from ${table} where writer = 1 and seq in (3, 4)`,
    );
    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail' });
    expect(result.counts).toMatchObject({ ...CLEAN, duplicated: 2, present: result.counts.acknowledged });
  });

  test('when a payload changes', async () => {
    const result = await damaged(
      (table) => `update ${table} set payload = reverse(payload) where writer = 3 and seq = 7`,
    );
    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail', corrupted: [{ writer: 3, seq: 7 }] });
    expect(result.counts).toMatchObject({ ...CLEAN, corrupted: 1 });
  });

  test('when a write that failed is there after all', async () => {
    await using ledger = await startLedger();
    const { table, payloadBytes } = ledger.options;
    await cluster.primary.sql(`alter table ${table} add constraint refuse check (seq < 0) not valid`);
    await until('refused writes', async () => (ledger.progress.failed > 0 ? true : undefined));
    await cluster.primary.sql(`alter table ${table} drop constraint refuse`);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await ledger.stop();
    const [row = {}] = await cluster.primary.sql(
      `select w, s from generate_series(0, 3) w, generate_series(0, 20000) s
       where s < (select max(seq) from ${table} where writer = w) and not exists (select from ${table} where writer = w and seq = s) limit 1`,
    );
    const [writer, seq] = [Number(row['w']), Number(row['s'])];
    const payload = new Payloads(SEED, payloadBytes).text(writer, seq);
    await cluster.primary.sql(
      `insert into ${table} (writer, seq, epoch, payload) values (${writer}, ${seq}, 1, '${payload}')`,
    );
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail' });
    expect(result.counts).toMatchObject({ ...CLEAN, phantomFail: 1 });
  });
});

describe('the ledger does not claim what it cannot know', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });
  const options = { writers: 4, rate: 1000, seed: SEED } as const;

  test('without an acknowledged write', async () => {
    // the first connection creates the table, all others are led to a standby; by a relay, since writers that hear nothing for
    // a quarter of a second go to the address that they were told last
    let connections = 0;
    let next = cluster.standby();
    await using relay = await TcpRelay.start(() => {
      const { host, port } = connections++ === 0 ? cluster.primary : next;
      return { host: host.address, port };
    });
    await using ledger = await Ledger.start({ ...cluster.target, resolveHost: async () => relay.address }, options);
    await until('failed writes', async () => (ledger.progress.failed > 10 ? true : undefined));
    await ledger.stop();
    next = cluster.primary;
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({
      verdict: 'inconclusive',
      integrity: 'inconclusive',
      counts: { acknowledged: 0, rows: 0 },
    });
    expect(result.reasons).toEqual(['no write was acknowledged, so nothing was tested']);
  });

  test('when synchronous_commit was lowered for the role during the run', async () => {
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await cluster.primary.sql('alter role app set synchronous_commit = off');
    await cluster.primary.signalSessions('terminate', ledger.options.applicationName);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await cluster.primary.sql('alter role app reset synchronous_commit');
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'inconclusive', integrity: 'pass', counts: { lost: 0 } });
    expect(result.zeroLossClaim.allowed).toBe(false);
    expect(result.zeroLossClaim.reason).toContain('synchronous_commit is "off"');
    expect(result.durability.inForce.map((it) => it.synchronousCommit)).toEqual(['on', 'off']);
  });

  test('when standbys were taken out of the requirement under live sessions', async () => {
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await cluster.primary.configure({ synchronous_standby_names: '' });
    await ledger.waitForAcks(300, { timeoutMs: 10_000 });
    await cluster.primary.configure({ synchronous_standby_names: 'ANY 1 (s1)' });
    await ledger.waitForAcks(300, { timeoutMs: 10_000 });
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'inconclusive', integrity: 'pass' });
    expect(result.zeroLossClaim.reason).toContain('synchronous_standby_names is empty');
    expect(result.durability.inForce.map((it) => it.synchronousStandbyNames)).toEqual(['ANY 1 (s1)', '']);
    expect(result.durability.sessionCount).toBe(options.writers);
  });

  test('from a standby, from another database system, or from a read that is cut', async () => {
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(500, { timeoutMs: 10_000 });
    await ledger.stop();

    cluster.route = cluster.standby();
    const fromStandby = await ledger.verify({ final: cluster.final, timeoutMs: 1000 });
    expect(fromStandby).toMatchObject({ verdict: 'inconclusive', integrity: 'inconclusive', readFrom: undefined });
    expect(fromStandby.reasons[0]).toContain('it is in recovery');

    const [, , third] = inject('postgresHosts');
    if (third === undefined) throw new Error('no third container');
    const other = new PostgresInstance(third, 'other');
    await other.createPrimary();
    cluster.route = other;
    const fromOther = await ledger.verify({ final: cluster.final, timeoutMs: 1000 });
    await other.remove();
    cluster.route = cluster.primary;
    expect(fromOther.verdict).toBe('inconclusive');
    expect(fromOther.reasons[0]).toContain('system identifier');

    const { table, applicationName } = ledger.options;
    await cluster.primary.sql(`alter table ${table} rename to ${table}_real`);
    await cluster.primary.sql(`create view ${table} as select t.*, pg_sleep(0.01)::text from ${table}_real t`);
    await cluster.primary.sql(`grant all on ${table} to app`);
    let over = false;
    const cutting = (async () => {
      while (!over) {
        const reading = `application_name = '${applicationName}-final' and query like 'copy%'`;
        await cluster.primary.sql(`select pg_terminate_backend(pid) from pg_stat_activity where ${reading}`);
      }
    })();
    const fromCut = await ledger.verify({ final: cluster.final, timeoutMs: 1500 });
    over = true;
    await cutting;
    expect(fromCut).toMatchObject({ verdict: 'inconclusive', integrity: 'inconclusive', counts: { lost: 0 } });

    await cluster.primary.sql(`drop view ${table}`);
    await cluster.primary.sql(`alter table ${table}_real rename to ${table}`);
    expect(await ledger.verify({ final: cluster.final })).toMatchObject({ verdict: 'pass' });
  });

  test('from a read that does not show what was just written', async () => {
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await ledger.stop();
    const { table } = ledger.options;
    await cluster.primary.sql(`alter table ${table} rename to ${table}_real`);
    await cluster.primary.sql(`create view ${table} as select * from ${table}_real where writer >= 0`);
    for (const column of ['tli', 'lsn', 'at']) {
      const fallback = await cluster.primary.value(
        `select column_default from information_schema.columns where table_name = '${table}_real' and column_name = '${column}'`,
      );
      await cluster.primary.sql(`alter view ${table} alter column ${column} set default ${fallback}`);
    }
    await cluster.primary.sql(`grant all on ${table} to app`);
    const result = await ledger.verify({ final: cluster.final, timeoutMs: 1000 });
    expect(result).toMatchObject({ verdict: 'inconclusive', integrity: 'inconclusive' });
    expect(result.reasons[0]).toContain('the tombstone was read 0 times');
    await cluster.primary.sql(`drop view ${table}; drop table ${table}_real`);
  });

  test('when an instance cannot be asked for leftover sessions, it says so', async () => {
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    const gone = { name: 'gone', admin: () => Promise.reject(new Error('no such pod')) };
    const final = { instances: async () => [cluster.primary.final, gone] };
    const result = await ledger.verify({ final });
    expect(result).toMatchObject({ verdict: 'pass', notes: ['sessions could not be checked on gone: no such pod'] });
  });
});
