import { describe, expect } from 'vitest';
import { readObservations } from '../../src/observers/observation-file.ts';
import { until } from '../component/container-host.ts';
import { PostgresCluster } from '../component/postgres-cluster.ts';
import { mutation } from './mutation.ts';
import { SOON, startLedger, WRITERS } from './scenes.ts';

describe('mutations: who is primary, and who is asked', () => {
  mutation('M6', async (seed) => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await startLedger(cluster.observed, seed);
    const { applicationName } = ledger.options;
    await cluster.standby().promote();
    cluster.route = cluster.standby();
    // two of the four move over, the others are on the side of the old primary
    await cluster.primary.sql(
      `select pg_terminate_backend(pid) from (select pid from pg_stat_activity where application_name = '${applicationName}' limit 2) as half`,
    );
    await ledger.waitForAcks(400, SOON);
    await ledger.stop();
    const old = Number(await cluster.primary.value(`select count(*) from ${ledger.options.table}`));
    await cluster.primary.kill();
    const result = await ledger.verify({ final: cluster.final });
    expect(old).toBeGreaterThan(200);
    expect(result.counts.lost).toBeGreaterThan(50);
    expect(result.counts.lost).toBeLessThanOrEqual(old);
    expect(result.timelines).toEqual([1, 2]);
    return result;
  });

  mutation('M7', async (seed) => {
    await using cluster = await PostgresCluster.start({ sync: false });
    await using ledger = await startLedger(cluster.observed, seed);
    await cluster.standby().promote();
    await until('probes of both', async () => {
      const probes = readObservations(ledger.historyDir)?.probes ?? [];
      return probes.filter(({ recovering, timeline }) => !recovering && timeline === 2).length >= 5 ? true : undefined;
    });
    await ledger.stop();
    await cluster.standby().kill();
    const result = await ledger.verify({ final: cluster.final });
    expect(result.counts).toMatchObject({ lost: 0, unknown: 0 });
    return result;
  });

  mutation('M8', async (seed) => {
    await using cluster = await PostgresCluster.start();
    await using ledger = await startLedger(cluster.observed, seed);
    // what was the primary is one no more, and its clients come back to it again and again
    cluster.route = cluster.standby();
    await cluster.primary.signalSessions('terminate', ledger.options.applicationName);
    await until('refused writes', async () => (ledger.progress.failed >= 20 ? true : undefined));
    cluster.route = cluster.primary;
    await ledger.waitForAcks(100, SOON);
    const result = await ledger.verify({ final: cluster.final });
    const found = result.checks.find(({ checker }) => checker === 'read-only');
    // some of the 20 were refused for their session, which was terminated
    expect(found?.count).toBeGreaterThanOrEqual(5);
    expect(found?.sentences[0]).toMatch(/refused as read-only \(25006\) over \d/);
    expect(result.counts).toMatchObject({ lost: 0, phantomFail: 0 });
    return result;
  });

  mutation('M13', async (seed) => {
    await using cluster = await PostgresCluster.start();
    const { primary } = cluster;
    const instances = [primary, cluster.standby()];
    let wide = false;
    let turn = 0;
    const resolveHost = async () => {
      const instance = (wide ? instances[turn++ % 2] : undefined) ?? primary;
      return { host: instance.host.address, port: instance.port };
    };
    await using ledger = await startLedger({ ...cluster.observed, resolveHost }, seed);
    wide = true;
    // a connection that works is kept, so it takes some that break until all have met the wrong one
    await until('refused writes', async () => {
      for (const instance of instances) await instance.signalSessions('terminate', ledger.options.applicationName);
      return ledger.progress.failed >= 4 * WRITERS ? true : undefined;
    });
    wide = false;
    await ledger.waitForAcks(100, SOON);
    const result = await ledger.verify({ final: cluster.final });
    expect(result.checks.find(({ checker }) => checker === 'read-only')?.count).toBeGreaterThan(0);
    expect(result.counts).toMatchObject({ lost: 0, phantomFail: 0 });
    return result;
  });
});
