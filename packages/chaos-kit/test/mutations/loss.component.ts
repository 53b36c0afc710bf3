import { describe, expect } from 'vitest';
import { Ledger, LedgerDurabilityError } from '../../src/ledger/index.ts';
import { run } from '../component/container-host.ts';
import { PostgresCluster } from '../component/postgres-cluster.ts';
import type { PostgresInstance } from '../component/postgres-instance.ts';
import { mutation } from './mutation.ts';
import { cutOff, failOver, missingOn, SOON, startLedger, WRITERS } from './scenes.ts';

describe('mutations: acknowledged writes are lost', () => {
  mutation('M1', async (seed) => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await startLedger(cluster.observed, seed);
    await cutOff(cluster.standby(), cluster.primary);
    await ledger.waitForAcks(50, SOON);
    await ledger.stop();
    await failOver(cluster, cluster.standby());
    const lost = await missingOn(cluster.standby(), ledger);
    const result = await ledger.verify({ final: cluster.final });
    expect(lost).toBeGreaterThanOrEqual(50);
    expect(result.counts).toMatchObject({ lost, unknown: 0 });
    const beyond = result.checks.find(({ checker }) => checker === 'beyond-fork')?.count ?? 0;
    // of each writer's first lost row the begin may have arrived and the commit not
    expect(lost - beyond).toBeGreaterThanOrEqual(0);
    expect(lost - beyond).toBeLessThanOrEqual(WRITERS);
    return result;
  });

  mutation('M2', async (seed) => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await startLedger(cluster.observed, seed);
    await cutOff(cluster.standby(), cluster.primary);
    await cluster.primary.untilWaitingForStandby(ledger.options.applicationName, WRITERS);
    // what an operator does under `preferred`
    await cluster.primary.configure({ synchronous_standby_names: '' });
    await ledger.waitForAcks(50, SOON);
    await ledger.stop();
    await failOver(cluster, cluster.standby());
    const lost = await missingOn(cluster.standby(), ledger);
    const result = await ledger.verify({ final: cluster.final });
    expect(lost).toBeGreaterThanOrEqual(50);
    expect(result.counts).toMatchObject({ lost, unknown: 0 });
    expect(result.zeroLossClaim.allowed).toBe(false);
    return result;
  });

  mutation('M3', async (seed) => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await startLedger(cluster.observed, seed);
    const { applicationName } = ledger.options;
    await cutOff(cluster.standby(), cluster.primary);
    for (let round = 0; round < 3; round++) {
      await cluster.primary.untilWaitingForStandby(applicationName, WRITERS);
      await cluster.primary.signalSessions('cancel', applicationName);
    }
    await ledger.stop({ timeoutMs: 200 });
    await failOver(cluster, cluster.standby());
    const result = await ledger.verify({ final: cluster.final });
    const { acknowledgedWeak, lostWeak } = result.counts;
    expect(acknowledgedWeak).toBeGreaterThanOrEqual(2 * WRITERS);
    expect(result.counts.lost).toBe(0);
    // what was under way at the cut may have reached the standby whose answer was cut off
    expect(lostWeak).toBeLessThanOrEqual(acknowledgedWeak);
    expect(lostWeak).toBeGreaterThanOrEqual(acknowledgedWeak - WRITERS);
    return result;
  });

  mutation('M5', async (seed) => {
    await using cluster = await PostgresCluster.start({ standbys: 2 });
    const [good, cut] = [cluster.standby(0), cluster.standby(1)];
    await using ledger = await startLedger(cluster.observed, seed);
    await cutOff(cut, good);
    await ledger.waitForAcks(50, SOON);
    await ledger.stop();
    await failOver(cluster, cut);
    // it would be waited for, and can never follow the new timeline
    await good.kill();
    const lost = await missingOn(cut, ledger);
    const result = await ledger.verify({ final: cluster.final });
    expect(lost).toBeGreaterThanOrEqual(50);
    expect(result.counts).toMatchObject({ lost, unknown: 0 });
    // the settings allowed the claim: it was the choice of the standby that broke it
    expect(result.durability.inForce.map(({ synchronousStandbyNames }) => synchronousStandbyNames)).toEqual([
      'ANY 1 (s1)',
    ]);
    return result;
  });

  mutation('M9', async (seed) => {
    await using cluster = await PostgresCluster.start({ standbys: 0, sync: false });
    const { primary } = cluster;
    await primary.configure({ fsync: 'off' });
    await using ledger = await startLedger(cluster.observed, seed);
    await keepCopy(primary);
    await primary.start();
    await ledger.waitForAcks(100, SOON);
    await ledger.stop();
    await primary.kill();
    await backToCopy(primary);
    await primary.start();
    const result = await ledger.verify({ final: cluster.final });
    expect(result.counts.lost).toBeGreaterThanOrEqual(100);
    // nobody who looks at the server could tell: it is the same, on the same timeline
    expect(result.timelines).toEqual([1]);
    expect(result.zeroLossClaim.reason).toContain('fsync is "off"');
    return result;
  });

  mutation('M10', async (seed) => {
    await using cluster = await PostgresCluster.start();
    const replica = cluster.standby();
    await replica.configure({ fsync: 'off' });
    await cluster.primary.sql('alter role app set synchronous_commit = remote_write');
    await expect(Ledger.start(cluster.target, { seed, expectSync: true })).rejects.toThrow(
      'synchronous_commit is "remote_write"',
    );
    await using ledger = await startLedger(cluster.observed, seed);
    await keepCopy(replica);
    await replica.start();
    await ledger.waitForAcks(100, SOON);
    await ledger.stop();
    await replica.kill();
    await cluster.primary.kill();
    await backToCopy(replica);
    await replica.start();
    await replica.promote();
    cluster.route = replica;
    const lost = await missingOn(replica, ledger);
    const result = await ledger.verify({ final: cluster.final });
    expect(lost).toBeGreaterThanOrEqual(100);
    expect(result.counts).toMatchObject({ lost, unknown: 0 });
    return result;
  });

  mutation('M11', async (seed) => {
    await using cluster = await PostgresCluster.start({ sync: false });
    const replica = cluster.standby();
    await using ledger = await startLedger(cluster.observed, seed);
    await keepCopy(replica);
    await replica.start();
    await ledger.waitForAcks(100, SOON);
    await replica.kill();
    await backToCopy(replica);
    await run(replica.host, `echo "primary_conninfo = ''" >> ${replica.dir}/postgresql.auto.conf`);
    await replica.start();
    await ledger.stop();
    await failOver(cluster, replica);
    const lost = await missingOn(replica, ledger);
    const result = await ledger.verify({ final: cluster.final });
    expect(lost).toBeGreaterThanOrEqual(100);
    expect(result.counts).toMatchObject({ lost, unknown: 0 });
    return result;
  });

  mutation('M12', async (seed) => {
    await using cluster = await PostgresCluster.start();
    await cluster.primary.sql('alter role app set synchronous_commit = local');
    const refused = Ledger.start(cluster.target, { seed, expectSync: true });
    await expect(refused).rejects.toThrow(LedgerDurabilityError);
    await expect(refused).rejects.toThrow('synchronous_commit is "local"');
    await using ledger = await startLedger(cluster.observed, seed);
    await cutOff(cluster.standby(), cluster.primary);
    await ledger.waitForAcks(50, SOON);
    await ledger.stop();
    await failOver(cluster, cluster.standby());
    const lost = await missingOn(cluster.standby(), ledger);
    const result = await ledger.verify({ final: cluster.final });
    expect(lost).toBeGreaterThanOrEqual(50);
    expect(result.counts).toMatchObject({ lost, unknown: 0 });
    return result;
  });
});

/** Stops a server and keeps a copy of its volume, as a snapshot would be. */
async function keepCopy({ host, dir }: PostgresInstance): Promise<void> {
  await run(host, `pg_ctl -D ${dir} -m fast -w stop >/dev/null; cp -a ${dir} ${dir}.old`);
}

/** What was written since is gone. */
async function backToCopy({ host, dir }: PostgresInstance): Promise<void> {
  await run(host, `rm -rf ${dir}; mv ${dir}.old ${dir}`);
}
