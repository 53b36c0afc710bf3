import { opLeaderKillMidFailover } from '@cnpg-chaos/chaos-kit';
import { expect, scenario } from '@cnpg-chaos/chaos-kit/vitest';
import { operatorStatus, scaleOperator, waitFor } from '@cnpg-chaos/cnpg-utils';

scenario(
  opLeaderKillMidFailover,
  async ({ chaos, cluster, ledger, onTestFinished, withOperatorDown, withPrimaryKilled }) => {
    const { kube } = cluster;
    const { replicas, namespace } = await operatorStatus(kube);
    onTestFinished(async () => {
      await scaleOperator(kube, replicas.wanted, { namespace });
    });
    await scaleOperator(kube, 3, { namespace });
    const run = await withPrimaryKilled({ gracePeriodSeconds: 0 }, async () => {
      await waitFor(
        'the leader to have decided on a failover',
        async (signal, probe) => {
          const { currentPrimary, targetPrimary } = (await cluster.read(signal)).status ?? {};
          probe.observe(`currentPrimary ${currentPrimary ?? 'none'}, targetPrimary ${targetPrimary ?? 'none'}`);
          // `pending` until the election, then the elected one until it has promoted itself: on a busy machine the first may be missed
          return currentPrimary !== targetPrimary || undefined;
        },
        { timeoutMs: 30_000, intervalMs: 20, signal: chaos.signal },
      );
      await withOperatorDown({ mode: 'kill-leader' }, () => cluster.waitForFailover());
    });
    await expect(ledger).toHaveLostNoAcknowledgedWrite();
    expect(run).toKeepTo(opLeaderKillMidFailover);
    await expect(cluster).toBeHealthy();
  },
);
