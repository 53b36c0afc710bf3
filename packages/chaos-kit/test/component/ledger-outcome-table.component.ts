import { afterEach, describe, expect, test } from 'vitest';
import { Ledger } from '../../src/ledger/index.ts';
import type { LedgerVerification } from '../../src/ledger/index.ts';
import { run, until } from './container-host.ts';
import { outcomeScene, WRITERS } from './outcome-scene.ts';
import { SMALL } from './postgres-config.ts';
import { TcpRelay } from './tcp-relay.ts';

const { cluster, startLedger, hangCommits } = await outcomeScene();

// What ledger-outcomes.component.ts leaves open of the table of outcomes: each way in which a write can end, against a real
// server, and what the final read says of it.
describe('the table of outcomes', () => {
  /** Nothing is lost, and every write whose outcome is unknown because it hung had been committed. */
  function expectHungWritesFound(result: LedgerVerification): void {
    expect(result.reasons).toEqual([]);
    expect(result).toMatchObject({ verdict: 'pass', integrity: 'pass' });
    expect(result.counts).toMatchObject({ lost: 0, lostWeak: 0, phantomFail: 0, unexpected: 0, acknowledgedWeak: 0 });
    expect(result.counts.recovered).toBeGreaterThanOrEqual(WRITERS);
  }

  test('a statement timeout before the commit is a failure on a session that lives on', async () => {
    await cluster.primary.sql("alter role app set statement_timeout = '150ms'");
    await using ledger = await startLedger();
    const { table } = ledger.options;
    const holder = cluster.primary.sql(`begin; lock table ${table} in exclusive mode; select pg_sleep(1); rollback`);
    await until('statements out of time', async () => (ledger.progress.failed >= WRITERS ? true : undefined));
    await holder;
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({
      verdict: 'pass',
      integrity: 'pass',
      counts: { unknown: 0, phantomFail: 0, lost: 0 },
    });
    expect(result.failures).toMatchObject([{ reason: expect.stringMatching(/^fail: 57014 /) }]);
    expect(result.durability.sessionCount).toBe(WRITERS);
  });

  test.each(['statement_timeout', 'transaction_timeout'])(
    'a %s during the wait for the standby does nothing: the write goes on to wait',
    async (setting) => {
      await cluster.primary.sql(`alter role app set ${setting} = '200ms'`);
      await using ledger = await startLedger();
      await hangCommits(ledger);
      await cluster.primary.sql('select pg_sleep(0.8)');
      expect(ledger.progress).toMatchObject({ inFlight: WRITERS, failed: 0, unknown: 0, ackedWeak: 0 });
      await cluster.standby().releaseReceiver();
      await ledger.waitForAcks(100, { timeoutMs: 10_000 });
      const result = await ledger.verify({ final: cluster.final });
      expect(result).toMatchObject({ verdict: 'pass', counts: { unknown: 0, failed: 0, acknowledgedWeak: 0 } });
    },
  );

  test('a write that is given up by its client during the wait is unknown, and is committed later', async () => {
    await using ledger = await startLedger({ opTimeoutMs: 300, maxSessions: WRITERS });
    await hangCommits(ledger);
    await until('writes given up', async () => (ledger.progress.unknown >= WRITERS ? true : undefined));
    expect(ledger.progress).toMatchObject({ ackedWeak: 0 });
    await cluster.standby().releaseReceiver();
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    const result = await ledger.verify({ final: cluster.final });
    expectHungWritesFound(result);
    expect(result.failures.some(({ reason }) => reason.includes('no answer within 300 ms'))).toBe(true);
  });

  test.each(['fast', 'immediate'] as const)('%s shutdown during the wait leaves the writes unknown', async (mode) => {
    await using ledger = await startLedger();
    await hangCommits(ledger);
    await cluster.primary.shutdown(mode);
    await until('the writers notice', async () => (ledger.progress.unknown >= WRITERS ? true : undefined));
    expect(ledger.progress).toMatchObject({ unknown: WRITERS, ackedWeak: 0 });
    await cluster.standby().releaseReceiver();
    await cluster.primary.untilDown();
    await cluster.primary.start();
    await ledger.waitForAcks(100, { timeoutMs: 20_000 });
    expectHungWritesFound(await ledger.verify({ final: cluster.final }));
  });

  test('a crash of another backend leaves the writes unknown', async () => {
    await using ledger = await startLedger();
    await hangCommits(ledger);
    const victim = cluster.primary.sql('select pg_sleep(60)').catch(() => 'ended');
    const pid = await until('a victim', async () => {
      const found = await cluster.primary.value(
        "select min(pid) from pg_stat_activity where query = 'select pg_sleep(60)'",
      );
      return found === 'null' ? undefined : found;
    });
    await run(cluster.primary.host, `kill -KILL ${pid}`);
    expect(await victim).toBe('ended');
    await until('the writers notice', async () => (ledger.progress.unknown >= WRITERS ? true : undefined));
    expect(ledger.progress).toMatchObject({ ackedWeak: 0 });
    await cluster.standby().releaseReceiver();
    await ledger.waitForAcks(100, { timeoutMs: 20_000 });
    expectHungWritesFound(await ledger.verify({ final: cluster.final }));
  });

  test('a server that is starting up refuses before anything is sent', async () => {
    const standby = cluster.standby();
    await standby.configure({ hot_standby: 'off' });
    await standby.shutdown('fast');
    await standby.untilDown();
    await standby.startWithoutWaiting();
    await using ledger = await Ledger.start(cluster.target, { writers: WRITERS, rate: 'closed', seed: 7 });
    await ledger.waitForAcks(100, { timeoutMs: 20_000 });
    cluster.route = standby;
    await cluster.primary.signalSessions('terminate', ledger.options.applicationName);
    await until('refusals', async () => (ledger.progress.connectFailed >= 10 ? true : undefined));
    cluster.route = cluster.primary;
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    const result = await ledger.verify({ final: { instances: async () => [cluster.primary.final] } });
    expect(result).toMatchObject({ verdict: 'pass', counts: { phantomFail: 0, lost: 0 } });
    expect(result.failures[0]?.reason).toMatch(/^fail: 57P03 /);
    await run(standby.host, `sed -i /hot_standby/d ${standby.dir}/postgresql.auto.conf`);
    await standby.shutdown('fast');
    await standby.untilDown();
    await standby.start();
  });

  test('replies that do not arrive leave the writes unknown, and they are there', async () => {
    await using relay = await TcpRelay.start(() => cluster.address);
    const target = { ...cluster.target, resolveHost: async () => relay.address };
    await using ledger = await startLedger({ opTimeoutMs: 500 }, target);
    relay.dropReplies = true;
    await until('writes given up', async () => (ledger.progress.unknown >= WRITERS ? true : undefined));
    relay.dropReplies = false;
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    const result = await ledger.verify({ final: cluster.final });
    expectHungWritesFound(result);
    // whoever had called them failed would have called the rows phantoms
    expect(result.counts.unknown).toBe(result.counts.recovered);
  });

  test('connections that are reset leave the writes unknown', async () => {
    await using relay = await TcpRelay.start(() => cluster.address);
    const target = { ...cluster.target, resolveHost: async () => relay.address };
    await using ledger = await startLedger({}, target);
    await hangCommits(ledger);
    relay.resetClients();
    await until('the writers notice', async () => (ledger.progress.unknown >= WRITERS ? true : undefined));
    await cluster.standby().releaseReceiver();
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    const result = await ledger.verify({ final: cluster.final });
    expectHungWritesFound(result);
    expect(result.failures.map(({ reason }) => reason).join()).toMatch(/info: (ECONNRESET|.*terminated)/);
  });

  test('a statement of many writes has one outcome for all of them', async () => {
    const batch = 50;
    await using ledger = await startLedger({ workload: 'volume', batch });
    await hangCommits(ledger);
    await cluster.primary.signalSessions('terminate', ledger.options.applicationName);
    await cluster.primary.untilWaitingForStandby(ledger.options.applicationName, WRITERS);
    await until('the writers notice', async () => (ledger.progress.unknown >= WRITERS * batch ? true : undefined));
    expect(ledger.progress).toMatchObject({ unknown: WRITERS * batch, inFlight: WRITERS * batch, failed: 0 });
    await cluster.standby().releaseReceiver();
    await ledger.waitForAcks(1000, { timeoutMs: 10_000 });
    const result = await ledger.verify({ final: cluster.final });
    expectHungWritesFound(result);
    expect(result.counts).toMatchObject({ unknown: WRITERS * batch, recovered: WRITERS * batch });
    expect(result.counts.acknowledged % batch).toBe(0);
    // and it can go red for one of them
    await cluster.primary.sql(`delete from ${ledger.options.table} where writer = 1 and seq = 7`);
    expect(await ledger.verify({ final: cluster.final })).toMatchObject({ verdict: 'fail', counts: { lost: 1 } });
  });

  describe('a full disk', () => {
    const filler = `${SMALL}/filler`;
    afterEach(async () => {
      await run(cluster.primary.host, `rm -rf ${filler}`);
    });

    test('of the table is a failure', async () => {
      const { primary } = cluster;
      const space = `small_${primary.port}`;
      for (const { host } of [primary, cluster.standby()]) await run(host, `mkdir -p ${SMALL}/${space}`);
      await primary.sql(`create tablespace ${space} location '${SMALL}/${space}'`);
      await primary.sql(`grant create on tablespace ${space} to app`);
      await primary.sql(`alter role app set default_tablespace = ${space}`);
      {
        await using ledger = await startLedger({ payloadBytes: 1500, keepTable: 'never' });
        await run(primary.host, `dd if=/dev/zero of=${filler} bs=64k 2>/dev/null || true`);
        await until('refused writes', async () => (ledger.progress.failed >= 20 ? true : undefined));
        await run(primary.host, `rm ${filler}`);
        await ledger.waitForAcks(100, { timeoutMs: 10_000 });
        const result = await ledger.verify({ final: cluster.final });
        expect(result.reasons).toEqual([]);
        expect(result).toMatchObject({ verdict: 'pass', counts: { unknown: 0, phantomFail: 0, lost: 0 } });
        // the file of the table, and now and then also that of its index
        expect(new Set(result.failures.map(({ reason }) => reason.split(' ', 2).join(' ')))).toEqual(
          new Set(['fail: 53100']),
        );
      }
      await primary.sql(`alter role app reset all`);
      await primary.sql(`drop tablespace ${space}`);
    });

    test('of the WAL takes the server down, and leaves the writes unknown', async () => {
      const { primary } = cluster;
      await primary.shutdown('fast');
      await primary.untilDown();
      const moved = `${SMALL}/wal-${primary.port}`;
      await run(primary.host, `mv ${primary.dir}/pg_wal ${moved} && ln -s ${moved} ${primary.dir}/pg_wal`);
      await primary.start();
      await using ledger = await startLedger({ payloadBytes: 4000, keepTable: 'never' });
      await run(primary.host, `dd if=/dev/zero of=${filler} bs=64k 2>/dev/null || true`);
      await until(
        'the server is gone',
        async () => (ledger.progress.connectFailed >= WRITERS ? true : undefined),
        60_000,
      );
      await run(primary.host, `rm ${filler}`);
      await primary.untilDown().catch(() => undefined);
      await primary.start().catch(() => undefined);
      await ledger.waitForAcks(100, { timeoutMs: 30_000 });
      const result = await ledger.verify({ final: cluster.final });
      expect(result.reasons).toEqual([]);
      expect(result).toMatchObject({ verdict: 'pass', integrity: 'pass', counts: { phantomFail: 0, lost: 0 } });
      expect(result.counts.unknown).toBeGreaterThan(0);
      await primary.shutdown('fast');
      await primary.untilDown();
      await run(primary.host, `rm ${primary.dir}/pg_wal && mv ${moved} ${primary.dir}/pg_wal`);
      await primary.start();
    });
  });
});
