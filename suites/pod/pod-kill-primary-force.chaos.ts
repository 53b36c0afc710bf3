import { podKillPrimaryForce } from '@cnpg-chaos/chaos-kit';
import { describe, expect, scenario, test } from '@cnpg-chaos/chaos-kit/vitest';

// The pod of the primary is deleted without grace. Its object is gone at once; the kubelet sends SIGTERM and kills two
// seconds later, during which writes are still acknowledged. With clients connected the smart shutdown does not end in
// that time, so the lease is not released and a standby waits for it to run out (15 s), then for replication to return.
for (const engine of ['kubernetes', 'chaos-mesh'] as const) {
  describe(`primary pod killed by ${engine}`, () => {
    test.override('engine', engine);

    scenario(podKillPrimaryForce, async ({ cluster, ledger, withPrimaryKilled }) => {
      const run = await withPrimaryKilled({ gracePeriodSeconds: 0 }, () => cluster.waitForFailover());
      await expect(ledger).toHaveLostNoAcknowledgedWrite();
      expect(run).toKeepTo(podKillPrimaryForce);
      await expect(cluster).toBeHealthy();
    });

    describe('without synchronous replication', () => {
      test.override('profile', 'async');

      test(
        'a standby takes over and the loss is bounded',
        { tags: engine === 'kubernetes' ? ['smoke', 'pod'] : ['pod'] },
        async ({ cluster, ledger, withPrimaryKilled }) => {
          const run = await withPrimaryKilled({ gracePeriodSeconds: 0 }, () => cluster.waitForFailover());
          // At 500 writes a second; a standby that streams lacks at most what was acknowledged in the last moments.
          await expect(ledger).toHaveLostAtMost({ writes: 1000, within: '2s' });
          expect(run).toHaveRecoveredWritesWithin('30s');
          expect(run).toHavePromoted(1);
          expect(run).toHaveConvergedWithin('120s');
          await expect(cluster).toBeHealthy();
        },
      );
    });
  });
}
