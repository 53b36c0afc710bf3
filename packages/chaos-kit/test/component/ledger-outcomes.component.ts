import { describe, expect, test } from 'vitest';
import { until } from './container-host.ts';
import { outcomeScene, WRITERS } from './outcome-scene.ts';

const { cluster, startLedger, hangCommits } = await outcomeScene();

describe('outcomes against a real primary with a synchronous standby', () => {
  test('a wait for the standby that is cancelled is acknowledged weakly, and no zero loss can be claimed', async () => {
    await using ledger = await startLedger();
    await hangCommits(ledger);
    expect(await cluster.primary.signalSessions('cancel', ledger.options.applicationName)).toBe(WRITERS);
    await cluster.primary.untilWaitingForStandby(ledger.options.applicationName, WRITERS);
    // they wait again; that they were acknowledged is told beside that, not before
    await until('every acknowledgement', async () => (ledger.progress.ackedWeak >= WRITERS ? true : undefined));
    expect(ledger.progress).toMatchObject({ ackedWeak: WRITERS, unknown: 0, failed: 0 });
    await cluster.standby().releaseReceiver();

    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'inconclusive', integrity: 'pass', zeroLossClaim: { allowed: false } });
    expect(result.counts).toMatchObject({ acknowledgedWeak: WRITERS, lost: 0, lostWeak: 0, unknown: 0 });
    expect(result.zeroLossClaim.reason).toContain(`${WRITERS} writes were acknowledged after their wait`);
  });

  test('a session that is terminated during the wait leaves its write unknown, and the row is there', async () => {
    await using ledger = await startLedger();
    await hangCommits(ledger);
    await cluster.primary.signalSessions('terminate', ledger.options.applicationName);
    // they wait again on new sessions; that the old ones were lost is told beside that, not before
    await cluster.primary.untilWaitingForStandby(ledger.options.applicationName, WRITERS);
    await until('every old session is known to be lost', async () =>
      ledger.progress.unknown >= WRITERS ? true : undefined,
    );
    expect(ledger.progress).toMatchObject({ unknown: WRITERS, failed: 0, ackedWeak: 0 });
    await cluster.standby().releaseReceiver();

    const result = await ledger.verify({ final: cluster.final });
    expect(result.reasons).toEqual([]);
    expect(result.verdict).toBe('pass');
    expect(result.counts).toMatchObject({ unknown: WRITERS, recovered: WRITERS, phantomFail: 0, lost: 0 });
    const epochs = `select string_agg(distinct epoch::text, ',') from ${ledger.options.table} where writer >= 0`;
    expect(await cluster.primary.value(epochs)).toBe('1,2');
  });

  test('a server killed after the statement was sent leaves the writes unknown', async () => {
    await using ledger = await startLedger();
    await hangCommits(ledger);
    await cluster.primary.kill();
    await until('the writers notice', async () => (ledger.progress.unknown >= WRITERS ? true : undefined));
    await until('a refused connection', async () => (ledger.progress.connectFailed > WRITERS ? true : undefined));
    expect(ledger.progress).toMatchObject({ unknown: WRITERS, ackedWeak: 0 });
    await cluster.primary.start();
    await cluster.standby().releaseReceiver();
    await ledger.waitForAcks(100, { timeoutMs: 20_000 });

    const result = await ledger.verify({ final: cluster.final });
    expect(result.reasons).toEqual([]);
    expect(result.verdict).toBe('pass');
    // committed locally before the wait began, so a restart brings them to light
    expect(result.counts).toMatchObject({ unknown: WRITERS, recovered: WRITERS, phantomFail: 0, lost: 0 });
    expect(result.counts.failed).toBeGreaterThan(WRITERS);
  });

  test('a write to a standby is a failure, and the writer comes back from it', async () => {
    await using ledger = await startLedger();
    cluster.route = cluster.standby();
    await cluster.primary.signalSessions('terminate', ledger.options.applicationName);
    await until('refused writes', async () => (ledger.progress.failed >= 20 ? true : undefined));
    cluster.route = cluster.primary;
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });

    const result = await ledger.verify({ final: cluster.final });
    expect(result.reasons).toEqual([]);
    expect(result.verdict).toBe('pass');
    expect(result.failures[0]?.reason).toMatch(/^fail: 25006 /);
    expect(result.failures[0]?.count).toBeGreaterThanOrEqual(20);
    expect(result.counts).toMatchObject({ phantomFail: 0, lost: 0 });
    expect(result.durability.sessions.some((session) => session.inRecovery)).toBe(true);
  });

  test('too many connections is a failure that was never sent', async () => {
    await using ledger = await startLedger();
    await cluster.primary.sql('alter role app connection limit 1');
    await cluster.primary.signalSessions('terminate', ledger.options.applicationName);
    await until('refused connections', async () => (ledger.progress.connectFailed >= 10 ? true : undefined));
    await cluster.primary.sql('alter role app connection limit -1');
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });

    const result = await ledger.verify({ final: cluster.final });
    expect(result.verdict).toBe('pass');
    expect(result.failures[0]?.reason).toMatch(/^fail: 53300 /);
    expect(result.counts.failed).toBeGreaterThanOrEqual(10);
    expect(result.counts.phantomFail).toBe(0);
  });

  test('an ERROR is a failure on a session that lives on', async () => {
    await using ledger = await startLedger();
    const { table } = ledger.options;
    await cluster.primary.sql(`alter table ${table} add constraint refuse check (seq < 0) not valid`);
    await until('refused writes', async () => (ledger.progress.failed >= 20 ? true : undefined));
    await cluster.primary.sql(`alter table ${table} drop constraint refuse`);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });

    const result = await ledger.verify({ final: cluster.final });
    expect(result.verdict).toBe('pass');
    expect(result.failures).toMatchObject([{ reason: expect.stringMatching(/^fail: 23514 /) }]);
    expect(result.durability.sessionCount).toBe(WRITERS);
    expect(result.counts).toMatchObject({ unknown: 0, phantomFail: 0 });
  });

  test('a late write is given up without a cancel, its session is ended before the read, and sessions do not pile up', async () => {
    const maxSessions = 8;
    await using ledger = await startLedger({ opTimeoutMs: 200, maxSessions });
    const { table, applicationName } = ledger.options;
    const sessions = `select count(*) from pg_stat_activity where application_name = '${applicationName}'`;
    // a lock instead of a held standby: these statements have not committed, so their rows must never appear
    const holder = cluster.primary
      .sql(`begin; lock table ${table} in exclusive mode; select pg_sleep(60)`)
      .catch(() => 'ended');
    await until('abandoned sessions pile up', async () => (ledger.progress.connectFailed > 10 ? true : undefined));
    expect(Number(await cluster.primary.value(sessions))).toBeLessThanOrEqual(maxSessions + WRITERS);
    const rows = Number(await cluster.primary.value(`select count(*) from ${table}`));

    const verifying = ledger.verify({ final: cluster.final });
    await until('abandoned sessions are ended', async () =>
      (await cluster.primary.value(sessions)) === '0' ? true : undefined,
    );
    await cluster.primary.sql(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()",
    );
    expect(await holder).toBe('ended');
    const result = await verifying;
    expect(result.reasons).toEqual([]);
    expect(result.counts).toMatchObject({ rows, acknowledgedWeak: 0, lost: 0 });
    expect(result.counts.unknown).toBeGreaterThanOrEqual(WRITERS);
    expect(result.failures.map(({ reason }) => reason).join()).toContain('more than maxSessions 8');
  });

  test('stopping with hanging commits leaves them unknown', async () => {
    await using ledger = await startLedger();
    await hangCommits(ledger);
    await ledger.stop({ timeoutMs: 100 });
    expect(ledger.progress).toMatchObject({ unknown: WRITERS, inFlight: 0 });
    await cluster.standby().releaseReceiver();
    const result = await ledger.verify({ final: cluster.final });
    expect(result).toMatchObject({ verdict: 'pass', counts: { unknown: WRITERS, recovered: WRITERS } });
  });
});
