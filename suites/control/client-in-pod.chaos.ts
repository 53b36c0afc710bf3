import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';

// The clients run in a pod on the primary's node, as those do that are on its side of a partition.
describe('clients in a pod', () => {
  test.override('client', 'pod-beside-primary');

  test(
    'see the same failover, and their history is copied to the runner',
    { tags: ['control'] },
    async ({ cluster, ledger, withPrimaryKilled }) => {
      const run = await withPrimaryKilled({ gracePeriodSeconds: 0 }, () => cluster.waitForFailover());
      await expect(ledger).toHaveLostNoAcknowledgedWrite();
      expect(run).toHavePromoted(1);
      expect(ledger.verification?.counts.acknowledged).toBeGreaterThan(1000);
    },
  );
});
