import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { Ledger, verifyStored } from '../../src/ledger/index.ts';
import type { LedgerVerification } from '../../src/ledger/index.ts';
import { readObservations } from '../../src/observers/observation-file.ts';
import type { ReadObservation } from '../../src/observers/observation.ts';
import { run, until } from './container-host.ts';
import { PostgresCluster } from './postgres-cluster.ts';
import type { PostgresInstance } from './postgres-instance.ts';

const scratch = mkdtempSync(join(tmpdir(), 'ledger-observers-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let serial = 0;

/** Checks that did not simply pass, by name. */
function remarkable({ checks }: LedgerVerification): Record<string, [verdict: string, count: number]> {
  return Object.fromEntries(
    checks
      .filter(({ verdict, count }) => verdict !== 'pass' || count > 0)
      .map((it) => [it.checker, [it.verdict, it.count]]),
  );
}

/** Waits for a read that has what a test waits for. */
async function untilRead(dir: string, accepts: (read: ReadObservation) => boolean): Promise<ReadObservation> {
  return until('a read', async () => readObservations(dir)?.reads.findLast(accepts));
}

const rowsOf = ({ runs }: ReadObservation): number => runs.reduce((sum, [, first, last]) => sum + last - first + 1, 0);
const served = (instance: PostgresInstance) => `${instance.host.address}:${instance.port}`;

describe.concurrent('observers', () => {
  async function start(cluster: PostgresCluster, options: { rate?: number; writers?: number } = {}): Promise<Ledger> {
    const historyDir = join(scratch, String(serial++));
    return Ledger.start(cluster.observed, { rate: 250, writers: 4, seed: 21, ...options, historyDir });
  }

  test('see a failover that loses nothing, and find nothing; offline they say the same', async () => {
    await using cluster = await PostgresCluster.start({ standbys: 2 });
    const next = cluster.standby(0);
    cluster.readRoute = cluster.standby(1);
    await next.configure({ synchronous_standby_names: 'ANY 1 (s2)' });
    await using ledger = await start(cluster);
    const dir = ledger.historyDir;
    await ledger.waitForAcks(500, { timeoutMs: 10_000 });
    const atMs = performance.now();
    await cluster.primary.kill();
    await next.promote();
    cluster.route = next;
    await ledger.waitForRecovery(atMs, { timeoutMs: 30_000 });
    const live = await ledger.verify({
      final: cluster.final,
      faults: [{ what: 'primary-killed', atMs, effectAtMs: atMs + 100 }],
    });

    expect(remarkable(live)).toEqual({});
    expect(live).toMatchObject({ verdict: 'pass', integrity: 'pass' });
    await ledger[Symbol.asyncDispose]();
    const { checks, verdict, reasons, notes } = verifyStored(dir).verification;
    expect({ checks, verdict, reasons, notes }).toEqual({
      checks: live.checks,
      verdict: live.verdict,
      reasons: live.reasons,
      notes: live.notes,
    });
    const seen = readObservations(dir);
    // moved from the clock of one file to another
    expect(seen?.faults[0]?.atMs).toBeCloseTo(atMs, 1);
    for (const from of ['rw', 'ro']) expect(seen?.reads.filter((it) => it.from === from).length).toBeGreaterThan(5);
    expect(new Set(seen?.probes.map(({ instance }) => instance))).toEqual(new Set(['p', 's1', 's2']));
    expect(seen?.blind.some(({ observer }) => observer === 'probe p')).toBe(true);
    // the last read found all that the final read found
    const last = seen?.reads.findLast(({ from }) => from === 'rw');
    expect(last?.above).toEqual([-1, -1, -1, -1]);
    expect(last && rowsOf(last)).toBe(live.counts.rows);
    expect(notes.join()).toContain('no instance accepted writes for up to');
  });

  test('see what a restart made visible and a failover took back: vanished, and nothing acknowledged is lost', async () => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await start(cluster);
    const dir = ledger.historyDir;
    await ledger.waitForAcks(200, { timeoutMs: 10_000 });
    await cluster.standby().follow(undefined);
    await cluster.primary.untilWaitingForStandby(ledger.options.applicationName, 4);
    const before = await untilRead(dir, ({ from }) => from === 'rw');
    await cluster.primary.kill();
    await cluster.primary.start();
    // visible now, although nobody was told that they are written
    await untilRead(dir, (read) => read.from === 'rw' && read.postmaster !== before.postmaster);
    await cluster.primary.kill();
    await cluster.standby().promote();
    cluster.route = cluster.standby();
    await ledger.waitForAcks(200, { timeoutMs: 20_000 });
    const result = await ledger.verify({ final: cluster.final });

    expect(result).toMatchObject({ verdict: 'fail', integrity: 'fail', counts: { lost: 0 } });
    expect(remarkable(result)).toEqual({ vanished: ['fail', 4] });
    const [first = '', advice = ''] = result.checks.find(({ checker }) => checker === 'vanished')?.sentences ?? [];
    expect(first).toMatch(/^4 rows that were read through -rw have vanished .*: writer 0 write \d+, writer 1/);
    expect(first).toContain(`first seen on ${served(cluster.primary)}, timeline 1`);
    expect(advice).toContain('a restart makes them visible');
    expect(verifyStored(dir).verification.checks).toEqual(result.checks);
  });

  test('see rows that were missing on the newest timeline and came back', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await start(cluster);
    const dir = ledger.historyDir;
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await cluster.standby().follow(undefined);
    await until('no standby', async () =>
      (await cluster.primary.value('select count(*) from pg_stat_replication')) === '0' ? true : undefined,
    );
    await ledger.waitForAcks(50, { timeoutMs: 10_000 });
    await ledger.stop();
    const { acked } = ledger.progress;
    await untilRead(
      dir,
      (read) => read.from === 'rw' && read.runs.reduce((sum, [, , last]) => sum + last + 1, 0) === acked,
    );
    await cluster.primary.kill();
    await cluster.standby().promote();
    cluster.route = cluster.standby();
    const short = await untilRead(dir, (read) => read.from === 'rw' && read.timeline === 2);
    await cluster.standby().kill();
    await cluster.primary.start();
    cluster.route = cluster.primary;
    const result = await ledger.verify({ final: cluster.final });

    expect(result.counts).toMatchObject({ lost: 0, present: acked });
    expect(remarkable(result)).toMatchObject({ resurrected: ['fail', acked - rowsOf(short)] });
    expect(result.integrity).toBe('fail');
    const { sentences = [] } = result.checks.find(({ checker }) => checker === 'resurrected') ?? {};
    expect(sentences[0]).toContain(`${served(cluster.standby())} on timeline 2 did not have them`);
  });

  test('see new connections that are led to a primary whose time is over', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await start(cluster);
    const dir = ledger.historyDir;
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await cluster.primary.kill();
    await cluster.standby().promote();
    cluster.route = cluster.standby();
    await ledger.waitForAcks(100, { timeoutMs: 20_000 });
    // the old one comes back as it was, and the readers' next connection goes there
    await cluster.primary.start();
    const { applicationName } = ledger.options;
    cluster.route = cluster.primary;
    await cluster
      .standby()
      .sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${applicationName}-rw'`);
    await untilRead(
      dir,
      (read) =>
        read.from === 'rw' &&
        read.timeline === 1 &&
        read.server === served(cluster.primary) &&
        read.openedMs > 0 &&
        readsOnTwo(dir),
    );
    cluster.route = cluster.standby();
    await ledger.stop();
    await cluster.primary.kill();
    const result = await ledger.verify({ final: cluster.final });
    expect(remarkable(result)['stale-read']?.[0]).toBe('fail');
    const { sentences = [] } = result.checks.find(({ checker }) => checker === 'stale-read') ?? {};
    expect(sentences[0]).toContain(`answered by ${served(cluster.primary)}, a primary on timeline 1`);
  });

  /** Whether the last read came after one on timeline 2. */
  function readsOnTwo(dir: string): boolean {
    const reads = readObservations(dir)?.reads.filter(({ from }) => from === 'rw') ?? [];
    return reads.some(({ timeline }) => timeline === 2) && reads.at(-1)?.timeline === 1;
  }

  test('see a replica that goes back in time, in one life and after its volume was put back', async () => {
    await using cluster = await PostgresCluster.start({ sync: false });
    const replica = cluster.standby();
    await using ledger = await start(cluster);
    const dir = ledger.historyDir;
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    // a copy of its volume, as a snapshot would be
    await run(
      replica.host,
      `pg_ctl -D ${replica.dir} -m fast -w stop >/dev/null; cp -a ${replica.dir} ${replica.dir}.old`,
    );
    await replica.start();
    await ledger.waitForAcks(500, { timeoutMs: 10_000 });
    const full = await untilRead(dir, (read) => read.from === 'ro' && rowsOf(read) > 300);
    await run(
      replica.host,
      `pg_ctl -D ${replica.dir} -m fast -w stop >/dev/null; rm -rf ${replica.dir}; mv ${replica.dir}.old ${replica.dir}
       echo "primary_conninfo = ''" >> ${replica.dir}/postgresql.auto.conf`,
    );
    await replica.start();
    const early = await untilRead(dir, (read) => read.from === 'ro' && read.postmaster !== full.postmaster);
    await sleep(11_000);
    await untilRead(dir, (read) => read.from === 'ro' && read.startMs > early.startMs + 10_500);
    // it never catches up, and is not waited for
    const result = await ledger.verify({ final: cluster.final, catchUpMs: 500 });
    expect(remarkable(result)['time-travel']?.[0]).toBe('fail');
    const { sentences = [] } = result.checks.find(({ checker }) => checker === 'time-travel') ?? {};
    expect(sentences[0]).toContain('after a restart, and has not caught up it lacks');

    // within one life: somebody takes rows from a server that clients only read
    await using second = await start(cluster);
    await second.waitForAcks(100, { timeoutMs: 10_000 });
    cluster.readRoute = cluster.primary;
    await replica.sql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%-ro'`);
    await untilRead(second.historyDir, (read) => read.from === 'ro' && rowsOf(read) > 100);
    await second.stop();
    await untilRead(second.historyDir, (read) => read.from === 'ro' && read.above.every((mark) => mark >= 0));
    await cluster.primary.sql(`delete from ${second.options.table} where seq < 3`);
    const gone = await second.verify({ final: cluster.final, catchUpMs: 500 });
    expect(remarkable(gone)).toMatchObject({ lost: ['fail', 12], 'time-travel': ['fail', 1] });
  });

  test.each([
    ['one of which needs no standby: a split brain', '', 'fail'],
    ['which both wait for a standby: only told', 'ANY 1 (s9)', 'pass'],
  ] as const)('see two primaries at once, %s', async (_, names, verdict) => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await start(cluster);
    const dir = ledger.historyDir;
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await cluster.standby().configure({ synchronous_standby_names: names });
    await cluster.standby().promote();
    await until('probes of both', async () => {
      const probes =
        readObservations(dir)?.probes.filter(({ recovering, timeline }) => !recovering && timeline === 2) ?? [];
      return probes.length >= 5 ? true : undefined;
    });
    await ledger.stop({ timeoutMs: 100 });
    await cluster.standby().kill();
    await cluster.primary.configure({ synchronous_standby_names: '' });
    const result = await ledger.verify({ final: cluster.final });
    expect(remarkable(result)['two-primaries']).toEqual([verdict, 1]);
    const { sentences = [] } = result.checks.find(({ checker }) => checker === 'two-primaries') ?? {};
    expect(sentences[0]).toMatch(/^p \(timeline 1\) and s1 \(timeline 2\) both accepted writes .* for at least \d/);
    expect(result.integrity === 'fail').toBe(verdict === 'fail');
  });
});
