import { setTimeout as sleep } from 'node:timers/promises';
import { defectOf, netIsolatePrimaryClientInside, netIsolatePrimaryClientInsideAsync } from '@cnpg-chaos/chaos-kit';
import { describe, expect, scenario, test } from '@cnpg-chaos/chaos-kit/vitest';

const alone = { from: 'primary' as const, to: ['all-replicas' as const, 'operator' as const, 'api-server' as const] };

describe('clients beside the primary', () => {
  test.override('client', 'pod-beside-primary');

  scenario(netIsolatePrimaryClientInside, async ({ cluster, ledger, withPartition }) => {
    const run = await withPartition(alone, () => cluster.waitForFailover());
    await expect(ledger).toHaveLostNoAcknowledgedWrite();
    expect(run).toKeepTo(netIsolatePrimaryClientInside);
    await expect(cluster).toBeHealthy();
  });

  scenario(netIsolatePrimaryClientInsideAsync, async ({ chaos, cluster, ledger, withPartition }) => {
    const run = await withPartition(alone, async () => {
      await cluster.waitForFailover();
      // its liveness probe fails 30 s after the cut, and its smart shutdown may take 180 s from then on
      await sleep(200_000, undefined, { signal: chaos.signal });
    });
    await chaos.expectedFailure(defectOf(netIsolatePrimaryClientInsideAsync), () =>
      expect(ledger).toHaveLostAtMost({ writes: 1000, within: '2s' }),
    );
    expect(run).toKeepTo(netIsolatePrimaryClientInsideAsync);
    await expect(cluster).toBeHealthy();
  });
});
