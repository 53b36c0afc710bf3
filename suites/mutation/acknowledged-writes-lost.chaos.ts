import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterUnderTest } from '@cnpg-chaos/chaos-kit';
import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';

// The cluster is built or led wrongly on purpose, and the ledger must say what was lost by it.
describe('M1: without synchronous replication', () => {
  test.override('profile', 'async');
  test.override('workload', { rate: 400, writers: 8, keepTable: 'never' });

  test(
    'a primary that was cut off from its standbys is deleted',
    { tags: ['mutation'] },
    async ({ chaos, cluster, ledger, withPartition, withPrimaryKilled }) => {
      chaos.expectVerdict('fail', 'what was acknowledged after the cut is lost');
      await withPartition({ from: 'primary', to: 'all-replicas' }, async () => {
        await ledger.waitForAcks(400, { timeoutMs: 30_000 });
        await withPrimaryKilled({ gracePeriodSeconds: 0 }, () => cluster.waitForFailover());
      });
      const { integrity, counts, checks } = await chaos.verifyLedger();
      expect(counts.lost).toBeGreaterThanOrEqual(300);
      expect(integrity).toBe('pass');
      const beyond = checks.find(({ checker }) => checker === 'beyond-fork');
      expect(beyond?.verdict).toBe('fail');
      expect(beyond?.count).toBeLessThanOrEqual(counts.lost);
    },
  );
});

describe('with synchronous replication', () => {
  test.override('workload', { rate: 400, writers: 8, keepTable: 'never' });

  test(
    'M3: somebody cancels the wait for the standbys, then the primary is deleted',
    { tags: ['mutation'] },
    async ({ chaos, cluster, ledger, withPartition, withPrimaryKilled }) => {
      chaos.expectVerdict('fail', 'what was acknowledged without a standby is lost');
      await ledger.waitForAcks(200, { timeoutMs: 30_000 });
      await withPartition({ from: 'primary', to: 'all-replicas' }, async () => {
        await cancelWaits(cluster, ledger.options.applicationName, () => ledger.progress.ackedWeak);
        await withPrimaryKilled({ gracePeriodSeconds: 0 }, () => cluster.waitForFailover());
      });
      const { counts } = await chaos.verifyLedger();
      expect(counts.acknowledgedWeak).toBeGreaterThanOrEqual(16);
      expect(counts.lost).toBe(0);
      // what was under way at the cut may have reached a standby whose answer was cut off
      expect(counts.lostWeak).toBeLessThanOrEqual(counts.acknowledgedWeak);
      expect(counts.lostWeak).toBeGreaterThanOrEqual(counts.acknowledgedWeak - ledger.options.writers);
    },
  );
});

/** Cancels whatever waits for a standby until some writes were acknowledged without one. */
async function cancelWaits(cluster: ClusterUnderTest, applicationName: string, weak: () => number): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (weak() < 16) {
    if (performance.now() > deadlineMs) throw new Error(`only ${weak()} weak acknowledgements after 60 s`);
    await cluster.query(
      `select pg_cancel_backend(pid)::text as cancelled from pg_stat_activity
        where application_name = '${applicationName}' and wait_event = 'SyncRep'`,
    );
    await sleep(200);
  }
}
