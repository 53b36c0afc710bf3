import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';

// Not only writes, but what transactions promise each other must survive: a bank that adds up, and lists whose order every
// transaction agrees on.
describe('transactions across the loss of the primary', () => {
  test.override('workload', { rate: 200, writers: 8 });
  test.override('transactions', { isolation: 'serializable', rate: 50, workers: 4, keepTables: 'never' });

  test(
    'stay serializable, and none that was acknowledged is lost',
    { tags: ['pod'] },
    async ({ cluster, ledger, bank, listAppend, withPrimaryKilled }) => {
      const all = [bank, listAppend];
      await Promise.all(all.map((workload) => workload.waitForCommits(100, { timeoutMs: 60_000 })));
      const run = await withPrimaryKilled({ gracePeriodSeconds: 0 }, () => cluster.waitForFailover());
      await Promise.all(all.map((workload) => workload.waitForCommits(100, { timeoutMs: 60_000 })));
      await expect(ledger).toHaveLostNoAcknowledgedWrite();
      expect(run).toHavePromoted(1);
      const final = cluster.finalReader();
      for (const workload of all) {
        const { verdict, reasons } = await workload.verify({ final });
        expect({ verdict, reasons }).toEqual({ verdict: 'pass', reasons: [] });
      }
    },
  );
});
