import { describe, expect } from 'vitest';
import { Ledger, LedgerDurabilityError } from '../../src/ledger/index.ts';
import { run } from '../component/container-host.ts';
import { PostgresCluster } from '../component/postgres-cluster.ts';
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
    const { acknowledgedWeak } = result.counts;
    expect(acknowledgedWeak).toBeGreaterThanOrEqual(2 * WRITERS);
    expect(result.counts).toMatchObject({ lost: 0, lostWeak: acknowledgedWeak });
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

  mutation('M11', async (seed) => {
    await using cluster = await PostgresCluster.start({ sync: false });
    const replica = cluster.standby();
    await using ledger = await startLedger(cluster.observed, seed);
    const stop = `pg_ctl -D ${replica.dir} -m fast -w stop >/dev/null`;
    await run(replica.host, `${stop}; cp -a ${replica.dir} ${replica.dir}.old`);
    await replica.start();
    await ledger.waitForAcks(100, SOON);
    await run(
      replica.host,
      `${stop}; rm -rf ${replica.dir}; mv ${replica.dir}.old ${replica.dir}
       echo "primary_conninfo = ''" >> ${replica.dir}/postgresql.auto.conf`,
    );
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
