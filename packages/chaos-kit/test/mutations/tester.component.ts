import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, vi } from 'vitest';
import { Ledger, verifyAgainst, verifyStored } from '../../src/ledger/index.ts';
import { readHistory } from '../../src/ledger/history/replay.ts';
import { until } from '../component/container-host.ts';
import { PostgresCluster } from '../component/postgres-cluster.ts';
import { mutation } from './mutation.ts';
import { reclassify } from './reclassify.ts';
import { cutOff, failOver, SOON, startLedger, WRITERS } from './scenes.ts';

const scratch = mkdtempSync(join(tmpdir(), 'mutations-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('mutations: the tester itself', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  mutation('H1', async (seed) => {
    await cluster.primary.sql(
      `create function nothing_goes_in() returns event_trigger language plpgsql as $$
       declare t record;
       begin
         for t in select object_identity from pg_event_trigger_ddl_commands() where command_tag = 'CREATE TABLE' loop
           execute format('alter table %s add constraint nothing_goes_in check (seq < 0) not valid', t.object_identity);
         end loop;
       end $$;
       create event trigger nothing_goes_in on ddl_command_end when tag in ('CREATE TABLE') execute function nothing_goes_in()`,
    );
    try {
      await using ledger = await Ledger.start(cluster.observed, {
        rate: 400,
        writers: WRITERS,
        seed,
        keepTable: 'never',
      });
      await until('refused writes', async () => (ledger.progress.failed >= 20 ? true : undefined));
      await ledger.stop();
      await cluster.primary.sql(`alter table ${ledger.options.table} drop constraint nothing_goes_in`);
      const result = await ledger.verify({ final: cluster.final });
      expect(result.counts).toMatchObject({ acknowledged: 0, rows: 0 });
      expect(result.reasons).toContain('no write was acknowledged, so nothing was tested');
      return result;
    } finally {
      await cluster.primary.sql('drop event trigger nothing_goes_in; drop function nothing_goes_in()');
    }
  });

  mutation('H3', async (seed) => {
    await using ledger = await startLedger(cluster.observed, seed);
    await ledger.stop();
    cluster.route = cluster.standby();
    const result = await ledger.verify({ final: cluster.final, timeoutMs: 1000 });
    cluster.route = cluster.primary;
    expect(result).toMatchObject({ integrity: 'inconclusive', counts: { lost: 0 }, readFrom: undefined });
    return result;
  });

  mutation('H5', async (seed) => {
    const historyDir = join(scratch, `killed-${seed}`);
    const { host, port } = cluster.address;
    const program = new URL('../component/ledger-process.ts', import.meta.url).pathname;
    const options = { host, port, historyDir, seed, rate: 'closed' };
    const child = spawn(process.execPath, ['--conditions=@cnpg-chaos/source', program, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    // first the number of the writers' process, then acknowledgements
    const lines = (): number[] => output.split('\n').slice(0, -1).map(Number);
    const acked = (): number => lines().slice(1).at(-1) ?? 0;
    await until('300 writes', async () => (acked() >= 300 ? true : undefined), 30_000);
    process.kill(lines()[0] ?? Number.NaN, 'SIGKILL');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const told = acked();
    const { verification } = await verifyAgainst(historyDir, { target: cluster.target, final: cluster.final });
    const { counts } = verification;
    expect(counts.acknowledged).toBeGreaterThanOrEqual(told);
    expect(counts).toMatchObject({ lost: 0, unexpected: 0, phantomFail: 0 });
    expect(counts.rows).toBe(counts.acknowledged + counts.recovered);
    await cluster.primary.sql(`drop table ${readHistory(historyDir).manifest.options.table}`);
    return verification;
  });

  mutation('H8', async (seed) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    await using ledger = await startLedger(cluster.observed, seed);
    const hour = 3_600_000;
    const before = Date.now();
    vi.setSystemTime(before + hour);
    await ledger.waitForAcks(100, SOON);
    vi.setSystemTime(before - hour);
    await ledger.waitForAcks(100, SOON);
    const result = await ledger.verify({ final: cluster.final });
    expect(ledger.writeGap().lengthMs).toBeLessThan(30_000);
    return result;
  });
});

describe('mutations: the classifier', () => {
  mutation('H6', async (seed) => {
    const historyDir = join(scratch, `terminate-${seed}`);
    await using cluster = await PostgresCluster.start();
    await using ledger = await startLedger(cluster.observed, seed, { historyDir });
    await cluster.standby().holdReceiver();
    await cluster.primary.untilWaitingForStandby(ledger.options.applicationName, WRITERS);
    await cluster.primary.signalSessions('terminate', ledger.options.applicationName);
    await until('unknown writes', async () => (ledger.progress.unknown >= WRITERS ? true : undefined));
    await cluster.standby().releaseReceiver();
    await ledger.waitForAcks(50, SOON);
    const right = await ledger.verify({ final: cluster.final });
    expect(right).toMatchObject({ verdict: 'pass', reasons: [] });
    expect(right.counts.recovered).toBeGreaterThanOrEqual(WRITERS);
    reclassify(historyDir, 'info', 'fail');
    const { verification } = verifyStored(historyDir);
    expect(verification.counts).toMatchObject({ phantomFail: right.counts.recovered, lost: 0 });
    return verification;
  });

  mutation('H7', async (seed) => {
    const historyDir = join(scratch, `notices-${seed}`);
    await using cluster = await PostgresCluster.start();
    await using ledger = await startLedger(cluster.observed, seed, { historyDir });
    const { applicationName } = ledger.options;
    await cutOff(cluster.standby(), cluster.primary);
    for (let round = 0; round < 2; round++) {
      await cluster.primary.untilWaitingForStandby(applicationName, WRITERS);
      await cluster.primary.signalSessions('cancel', applicationName);
      await sleep(50);
    }
    await ledger.stop({ timeoutMs: 200 });
    await failOver(cluster, cluster.standby());
    const right = await ledger.verify({ final: cluster.final });
    expect(right.counts).toMatchObject({ lost: 0 });
    expect(right.counts.lostWeak).toBeGreaterThanOrEqual(WRITERS);
    reclassify(historyDir, 'ok-weak', 'ok');
    const { verification } = verifyStored(historyDir);
    expect(verification.counts).toMatchObject({ lost: right.counts.lostWeak, lostWeak: 0 });
    return verification;
  });
});
