import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';

for (const engine of ['kubernetes', 'chaos-mesh'] as const) {
  describe(`replica pod killed by ${engine}`, () => {
    test.override('engine', engine);

    test(
      'writes go on, nobody is promoted, no acknowledged write is lost',
      { tags: engine === 'kubernetes' ? ['smoke', 'pod'] : ['pod'] },
      async ({ cluster, ledger, withReplicaKilled }) => {
        const run = await withReplicaKilled({ index: 0, gracePeriodSeconds: 0 }, () =>
          ledger.waitForAcks(1000, { timeoutMs: 30_000 }),
        );
        await expect(ledger).toHaveLostNoAcknowledgedWrite();
        expect(run).toHaveWriteGapWithin('2s');
        expect(run).toHavePromoted(0);
        expect(run).toHaveConvergedWithin('120s');
        await expect(cluster).toBeHealthy();
      },
    );
  });
}
