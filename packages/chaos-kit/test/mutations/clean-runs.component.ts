import { appendFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Bank, ListAppend } from '../../src/ledger/index.ts';
import { run, until } from '../component/container-host.ts';
import { PostgresCluster } from '../component/postgres-cluster.ts';
import type { PostgresInstance } from '../component/postgres-instance.ts';
import { startLedger } from './scenes.ts';

const SOON = { timeoutMs: 120_000 };

/** How many failovers: CLEAN_RUNS, 2 by default. Runs are appended to the file CLEAN_RECORDS, if it is given. */
const runs = Number(process.env['CLEAN_RUNS'] ?? '2');
const recordFile = process.env['CLEAN_RECORDS'];
const CHAINS = runs >= 20 ? 2 : 1;

/** The result of one clean run. */
export interface CleanRecord {
  readonly alarms: readonly string[];
  readonly acknowledged: number;
  readonly unknown: number;
  readonly transactions: number;
}

// The other side of the mutations: what is right must not be called wrong. Each run is a ledger with observers, a bank and
// list-append transactions across the loss of the primary, whose synchronous standby takes over; all of them have one.
describe('a correct cluster raises no alarm', () => {
  test.concurrent.each(Array.from({ length: CHAINS }, (_, i) => i))(
    `${Math.ceil(runs / CHAINS)} failovers, one after the other (%i)`,
    { timeout: 60_000 + runs * 30_000 },
    async (chain) => {
      await using cluster = await PostgresCluster.start({ standbys: 2, sync: false });
      let order = [cluster.primary, cluster.standby(0), cluster.standby(1)] as const;
      for (const [i, instance] of order.entries()) await waitsFor(instance, order[(i + 1) % 3] ?? instance);
      for (let n = 0; n < Math.ceil(runs / CHAINS); n++) {
        const [lost, next, last] = order;
        const record = await cleanRun(cluster, lost, next, 1000 * chain + n + 1);
        if (recordFile !== undefined) appendFileSync(recordFile, `${JSON.stringify(record)}\n`);
        expect(record.alarms).toEqual([]);
        // what was lost comes back as a new standby at the end of the chain
        await run(lost.host, `rm -rf ${lost.dir}`);
        await lost.createStandby(last);
        await waitsFor(lost, next);
        order = [next, last, lost];
      }
    },
  );
});

/** From its promotion on, an instance acknowledges only what the next in the chain has flushed. */
async function waitsFor(instance: PostgresInstance, next: PostgresInstance): Promise<void> {
  await instance.configure({ synchronous_standby_names: `ANY 1 (${next.name})` });
}

async function cleanRun(
  cluster: PostgresCluster,
  primary: PostgresInstance,
  next: PostgresInstance,
  seed: number,
): Promise<CleanRecord> {
  cluster.route = primary;
  cluster.readRoute = next;
  const { target, final } = cluster;
  // many runs take long enough that the machine will be busy now and then
  const connectTimeoutMs = 15_000;
  const common = {
    seed,
    workers: 4,
    rate: 60,
    keepTables: 'never',
    isolation: 'serializable',
    connectTimeoutMs,
  } as const;
  await using ledger = await startLedger(cluster.observed, seed, { expectSync: true, connectTimeoutMs });
  await using append = await ListAppend.start(target, common);
  await using bank = await Bank.start(target, common);
  await Promise.all([append.waitForCommits(30, SOON), bank.waitForCommits(30, SOON)]);
  await ledger.waitForAcks(100, SOON);
  const atMs = performance.now();
  await primary.kill();
  const effectAtMs = performance.now();
  await next.promote();
  cluster.route = next;
  await until('acknowledgements of the new timeline', async () => {
    await ledger.waitForAcks(50, SOON);
    return (ledger.progress.msSinceLastAck ?? Infinity) < 100 ? true : undefined;
  });
  await Promise.all([append.waitForCommits(30, SOON), bank.waitForCommits(30, SOON)]);
  const found = await ledger.verify({ final, faults: [{ what: 'primary-killed', atMs, effectAtMs }] });
  const others = [await append.verify({ final }), await bank.verify({ final })];
  const alarms = [found, ...others].flatMap(({ verdict, reasons }) =>
    verdict === 'pass' ? [] : [verdict, ...reasons],
  );
  if (found.timelines.length < 2) alarms.push(`acknowledged on timelines ${found.timelines.join()} only`);
  return {
    alarms,
    acknowledged: found.counts.acknowledged,
    unknown: found.counts.unknown,
    transactions: others.reduce((sum, { counts }) => sum + counts.ok, 0),
  };
}
