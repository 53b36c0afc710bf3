import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';

describe('M7: a standby promoted by hand', () => {
  test.override('profile', 'async');
  test.override('workload', { rate: 200, writers: 4, keepTable: 'never' });

  test(
    'is seen beside the primary that lives, by those who ask every instance',
    { tags: ['mutation'] },
    async ({ chaos, cluster, ledger, signal }) => {
      chaos.expectVerdict('fail', 'two instances accepted writes at the same time');
      await ledger.waitForAcks(200, { timeoutMs: 30_000 });
      const primary = await cluster.primary(signal);
      const instances = await cluster.finalReader().instances(signal);
      const standby = instances.find(({ name }) => name !== primary.name);
      await standby?.admin('select pg_promote(true, 10)::text as promoted', signal);
      // long enough to be asked several times; the instance manager may well end it sooner
      await sleep(5000);
      await ledger.stop();
      await cluster.waitForHealthy({ signal });
      const { checks, counts } = await chaos.verifyLedger();
      const found = checks.find(({ checker }) => checker === 'two-primaries');
      expect(found?.verdict).toBe('fail');
      expect(found?.sentences[0]).toContain('both accepted writes');
      expect(counts).toMatchObject({ unexpected: 0, duplicated: 0, corrupted: 0, phantomFail: 0 });
    },
  );
});
