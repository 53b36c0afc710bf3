import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Ledger, LedgerDurabilityError, LedgerStartError, LedgerTimeoutError } from '../../src/ledger/index.ts';
import { PostgresCluster } from './postgres-cluster.ts';
import { TcpRelay } from './tcp-relay.ts';

const options = { writers: 4, rate: 500, seed: 1, keepTable: 'never' } as const;

describe('measured by the client', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  test('a held standby is a gap of its length, in the gap, in the latency and in the recovery', async () => {
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(200, { timeoutMs: 10_000 });
    const heldAtMs = performance.now();
    await cluster.standby().holdReceiver();
    const reallyHeldAtMs = performance.now();
    await sleep(1500);
    const releaseAtMs = performance.now();
    await cluster.standby().releaseReceiver();
    await ledger.waitForAcks(1000, { timeoutMs: 10_000 });
    await ledger.stop();
    const recovery = ledger.recovery(heldAtMs);

    const gap = ledger.writeGap();
    expect(gap.lengthMs).toBeGreaterThanOrEqual(releaseAtMs - reallyHeldAtMs - gap.resolutionMs);
    expect(gap.startMs).toBeGreaterThan(heldAtMs - gap.resolutionMs);
    expect(gap.endMs).toBeGreaterThan(releaseAtMs);
    expect(recovery.confirmed).toBe(false); // only 5 s without a pause confirm it
    expect(heldAtMs + (recovery.recoveryMs ?? 0)).toBeCloseTo(gap.endMs, 6);
    // an open loop sees the outage in its tail although only four writes were in flight
    expect(ledger.latency(heldAtMs)?.maxMs).toBeGreaterThanOrEqual(1400);
    expect(ledger.writeGap(ledger.startedAtMs, heldAtMs).lengthMs).toBeLessThan(gap.lengthMs);
  });

  test('a stall of this process is none of the writers, which have their own', async () => {
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    const stallAtMs = performance.now();
    while (performance.now() - stallAtMs < 900);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await ledger.stop();
    const gap = ledger.writeGap(stallAtMs, stallAtMs + 900);
    expect(gap.lengthMs).toBeLessThan(700);
    expect(gap.unreliable).toBeUndefined();
  });

  test('a stall of the writers makes the numbers unusable', async () => {
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    const stallAtMs = performance.now();
    process.kill(ledger.writerPid, 'SIGSTOP');
    await sleep(900);
    // nobody knows what they would have seen
    expect(ledger.writeGap(stallAtMs - 100).endMs).toBeLessThan(stallAtMs + 500);
    process.kill(ledger.writerPid, 'SIGCONT');
    await ledger.waitForAcks(100, { timeoutMs: 10_000 });
    await ledger.stop();
    const gap = ledger.writeGap(stallAtMs - 100);
    expect(gap.lengthMs).toBeGreaterThan(800);
    expect(gap.unreliable).toMatch(/our own process stalled for \d+ ms/);
    expect(ledger.recovery(stallAtMs).unreliable).toBeDefined();
    expect(ledger.recoveryTime(stallAtMs)).toBeUndefined();
  });

  test('nothing is written after its signal has fired, and measuring ends there', async () => {
    const controller = new AbortController();
    await using ledger = await Ledger.start(cluster.target, { ...options, signal: controller.signal });
    await ledger.waitForAcks(50, { timeoutMs: 10_000 });
    controller.abort();
    const abortedAtMs = performance.now();
    await ledger.stop();
    const { attempted } = ledger.progress;
    await sleep(100);
    expect(ledger.progress).toMatchObject({ attempted, inFlight: 0, backlog: 0 });
    const gap = ledger.writeGap(abortedAtMs - 1, abortedAtMs + 60_000);
    expect(gap.endMs).toBeLessThanOrEqual(abortedAtMs);
    expect(await ledger.verify({ final: cluster.final })).toMatchObject({ verdict: 'pass', counts: { attempted } });
  });

  test('waiting for acknowledgements that do not come tells what was seen', async () => {
    await using ledger = await Ledger.start(cluster.target, options);
    await ledger.waitForAcks(10, { timeoutMs: 10_000 });
    await cluster.standby().holdReceiver();
    try {
      const error: unknown = await ledger.waitForAcks(1000, { timeoutMs: 300 }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(LedgerTimeoutError);
      expect(String(error)).toMatch(
        /1000 more acknowledged writes: not after 0\.\d s; last observed: \d+ acknowledged/,
      );
    } finally {
      await cluster.standby().releaseReceiver();
    }
  });
});

describe('a ledger refuses to start', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start({ sync: false });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  test('where synchronous replication is expected and not there', async () => {
    const start = Ledger.start(cluster.target, { ...options, expectSync: true });
    await expect(start).rejects.toThrow(LedgerDurabilityError);
    await expect(start).rejects.toThrow('synchronous_standby_names is empty');
  });

  test('on a standby', async () => {
    cluster.route = cluster.standby();
    await expect(Ledger.start(cluster.target, options)).rejects.toThrow('is in recovery');
    cluster.route = cluster.primary;
  });

  test('when its table exists', async () => {
    await cluster.primary.sql('create table ledger_taken ()');
    const start = Ledger.start(cluster.target, { ...options, table: 'ledger_taken' });
    await expect(start).rejects.toThrow(LedgerStartError);
    await expect(start).rejects.toThrow('table ledger_taken could not be created: 42P07');
  });

  test('when a server does not answer in time, and says how far it came', async () => {
    await using relay = await TcpRelay.start(() => cluster.address);
    const target = { ...cluster.target, resolveHost: async () => relay.address };
    relay.dropReplies = true;
    const start = Ledger.start(target, { ...options, startTimeoutMs: 1000 });
    await expect(start).rejects.toThrow('could not start within 1000 ms: its table was not created');
  });

  test('with a wrong password, or when nobody listens', async () => {
    await expect(Ledger.start({ ...cluster.target, password: 'wrong' }, options)).rejects.toThrow('28P01');
    const resolveHost = async () => ({ host: cluster.primary.host.address, port: 1 });
    await expect(Ledger.start({ ...cluster.target, resolveHost }, options)).rejects.toThrow('ECONNREFUSED');
  });
});
