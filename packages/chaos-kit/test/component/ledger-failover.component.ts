import { describe, expect, test } from 'vitest';
import { Ledger } from '../../src/ledger/index.ts';
import { until } from './container-host.ts';
import { PostgresCluster } from './postgres-cluster.ts';
import type { PostgresInstance } from './postgres-instance.ts';

describe('failover under load', () => {
  test('to the synchronous standby loses nothing', async () => {
    await using cluster = await PostgresCluster.start({ standbys: 2 });
    const next = cluster.standby(0);
    await next.configure({ synchronous_standby_names: 'ANY 1 (s2)' });
    await using ledger = await Ledger.start(cluster.target, { rate: 2000, seed: 3, expectSync: true });
    await ledger.waitForAcks(2000, { timeoutMs: 10_000 });

    const faultAtMs = performance.now();
    await cluster.primary.kill();
    await next.promote();
    cluster.route = next;
    const recovery = await ledger.waitForRecovery(faultAtMs, { timeoutMs: 30_000 });
    const result = await ledger.verify({ final: cluster.final });

    expect(result.reasons).toEqual([]);
    expect(result).toMatchObject({ verdict: 'pass', integrity: 'pass', timelines: [1, 2] });
    expect(result.counts).toMatchObject({
      lost: 0,
      unexpected: 0,
      duplicated: 0,
      corrupted: 0,
      phantomFail: 0,
      dropped: 0,
    });
    const { attempted, acknowledged, failed, unknown, recovered, present } = result.counts;
    expect(attempted).toBe(acknowledged + failed + unknown);
    expect(present).toBe(acknowledged + recovered);
    expect(unknown).toBeGreaterThan(0);
    expect(result.origins.map(({ timeline }) => timeline)).toEqual([1, 2]);
    expect(result.notes.join()).toContain('sessions could not be checked on p');
    expect(result.checks.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'unknown')).toEqual([]);
    expect(result.checks.map(({ checker }) => checker)).toEqual(
      expect.arrayContaining(['lost', 'hole', 'beyond-fork', 'dual-ack', 'power']),
    );

    const gap = ledger.writeGap(faultAtMs - 1000);
    expect(recovery.confirmed).toBe(true);
    const usable = recovery.unreliable === undefined ? recovery.recoveryMs : undefined;
    expect(ledger.recoveryTime(faultAtMs)).toBe(usable);
    expect(gap.lengthMs).toBeGreaterThan(0);
    expect(gap.endMs - faultAtMs).toBeLessThanOrEqual((recovery.recoveryMs ?? 0) + gap.resolutionMs);

    // the old primary comes back alone: it has the same system identifier and is not in recovery, but its time is over
    await cluster.primary.start();
    cluster.route = cluster.primary;
    const onlyOld = { instances: async () => [cluster.primary.final] };
    const fromOld = await ledger.verify({ final: onlyOld, timeoutMs: 1000 });
    expect(fromOld.verdict).toBe('inconclusive');
    expect(fromOld.reasons[0]).toContain('timeline 2 has acknowledged writes');
  });

  /** Ids that the old primary has and the new one has not: what was lost, found without the ledger. */
  async function difference(table: string, before: PostgresInstance, after: PostgresInstance): Promise<Set<string>> {
    const ids = async (it: PostgresInstance) =>
      (await it.sql(`select writer || '/' || seq as id from ${table} where writer >= 0`)).map(({ id }) => String(id));
    const still = new Set(await ids(after));
    return new Set((await ids(before)).filter((id) => !still.has(id)));
  }

  /** A real cut: a stopped receiver would still find what waits in its socket when it goes on. */
  async function cutReplication(cluster: PostgresCluster): Promise<void> {
    await cluster.standby().follow(undefined);
    await until('no standby', async () =>
      (await cluster.primary.value('select count(*) from pg_stat_replication')) === '0' ? true : undefined,
    );
  }

  test('to an asynchronous standby that was cut off loses what came after, and the ledger attributes it', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await Ledger.start(cluster.target, { rate: 2000, seed: 4 });
    await ledger.waitForAcks(500, { timeoutMs: 10_000 });
    await cutReplication(cluster);
    const cutAtMs = performance.now();
    await ledger.waitForAcks(50, { timeoutMs: 10_000 });
    await cluster.primary.kill();
    await cluster.standby().promote();
    cluster.route = cluster.standby();
    await ledger.waitForAcks(200, { timeoutMs: 20_000 });
    const result = await ledger.verify({ final: cluster.final });

    await cluster.primary.start();
    const gone = await difference(ledger.options.table, cluster.primary, cluster.standby());
    const server = `${cluster.primary.host.address}:${cluster.primary.port}`;
    expect(result).toMatchObject({ verdict: 'fail', integrity: 'pass', timelines: [1, 2] });
    expect(result.counts.lost).toBeGreaterThanOrEqual(50);
    // beyond the acknowledged writes, the old primary may have some that were in flight
    expect(gone.size - result.counts.lost).toBeGreaterThanOrEqual(0);
    expect(gone.size - result.counts.lost).toBeLessThanOrEqual(result.counts.unknown);
    expect(result.lossByOrigin).toMatchObject([{ server, timeline: 1, lost: result.counts.lost }]);
    for (const lost of result.lost) {
      expect(lost).toMatchObject({ server, timeline: 1, outcome: 'ok' });
      expect(gone).toContain(`${lost.writer}/${lost.seq}`);
    }
    expect(result.lossByOrigin[0]?.lastAckMs).toBeGreaterThan(cutAtMs);
  });

  test('with nothing in flight the loss is exact to the row', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await Ledger.start(cluster.target, { rate: 1000, seed: 5 });
    await ledger.waitForAcks(200, { timeoutMs: 10_000 });
    await cutReplication(cluster);
    await ledger.waitForAcks(30, { timeoutMs: 10_000 });
    await ledger.stop();
    expect(ledger.progress).toMatchObject({ unknown: 0, inFlight: 0 });
    await cluster.primary.kill();
    await cluster.standby().promote();
    cluster.route = cluster.standby();
    const result = await ledger.verify({ final: cluster.final });

    await cluster.primary.start();
    const gone = await difference(ledger.options.table, cluster.primary, cluster.standby());
    expect(result.verdict).toBe('fail');
    expect(result.counts.lost).toBe(gone.size);
    expect(result.counts.present).toBe(result.counts.acknowledged - gone.size);
    // the same loss by another route: of each writer's first lost row the begin may have arrived and the commit not
    const [beyond] = result.checks.filter(({ checker }) => checker === 'beyond-fork');
    expect(beyond).toMatchObject({ verdict: 'fail', about: 'loss' });
    expect(beyond?.count).toBeLessThanOrEqual(gone.size);
    expect(beyond?.count).toBeGreaterThanOrEqual(gone.size - ledger.options.writers);
    expect(beyond?.sentences[0]).toMatch(
      /beyond 0\/[0-9A-F]+, where timeline 1 was left \(no recovery target specified\)/,
    );
  });

  test('two primaries that acknowledge at once are seen as such, beside the loss', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await Ledger.start(cluster.target, { rate: 500, writers: 4, seed: 7 });
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await cluster.standby().promote();
    cluster.route = cluster.standby();
    // two of the four move over, the others stay with the old primary
    const { applicationName } = ledger.options;
    await cluster.primary.sql(
      `select pg_terminate_backend(pid) from (select pid from pg_stat_activity where application_name = '${applicationName}' limit 2) as half`,
    );
    await ledger.waitForAcks(300, { timeoutMs: 10_000 });
    await ledger.stop();
    await cluster.primary.kill();
    const result = await ledger.verify({ final: cluster.final });

    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail', timelines: [1, 2] });
    expect(result.counts.lost).toBeGreaterThan(100);
    const checks = Object.fromEntries(result.checks.map((check) => [check.checker, check]));
    expect(checks['hole']).toMatchObject({ verdict: 'pass' });
    expect(checks['dual-ack']).toMatchObject({ verdict: 'fail' });
    expect(checks['dual-ack']?.count).toBeGreaterThan(10);
    expect(checks['dual-ack']?.sentences[0]).toContain('two primaries at once');
    expect(checks['beyond-fork']?.count).toBeLessThanOrEqual(result.counts.lost);
    expect(checks['beyond-fork']?.count).toBeGreaterThanOrEqual(result.counts.lost - 4);
  });

  test('to a second primary beside the first leaves it open which to believe', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await Ledger.start(cluster.target, { rate: 500, seed: 6 });
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await cluster.standby().promote();
    const result = await ledger.verify({ final: cluster.final, timeoutMs: 1000 });
    expect(result).toMatchObject({ verdict: 'inconclusive', integrity: 'inconclusive' });
    expect(result.reasons[0]).toContain('p and s1 all accept writes');
  });
});
