import { setTimeout as sleep } from 'node:timers/promises';
import { Ledger, LedgerDurabilityError } from '@cnpg-chaos/chaos-kit';
import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';
import { tamper } from '../control/tamper.ts';

describe('M12: a role with synchronous_commit = local', () => {
  test.override('startLedger', () => undefined);

  test('is refused before anything is written', { tags: ['mutation'] }, async ({ chaos, cluster, signal }) => {
    chaos.expectVerdict('inconclusive', 'nothing may be concluded from such a run');
    await tamper(cluster, "alter role current_user set synchronous_commit = 'local'");
    try {
      const start = Ledger.start(cluster.ledgerTarget(), { seed: 1, expectSync: true, signal });
      await expect(start).rejects.toThrow(LedgerDurabilityError);
      await expect(start).rejects.toThrow('synchronous_commit is "local"');
    } finally {
      await tamper(cluster, 'alter role current_user reset synchronous_commit');
    }
  });
});

describe('M13: a -rw Service that leads to all instances', () => {
  test.override('workload', { rate: 200, writers: 8, keepTable: 'never' });

  test(
    'is seen by the writes that are refused, and loses nothing',
    { tags: ['mutation'] },
    async ({ chaos, cluster, ledger }) => {
      chaos.expectVerdict('pass', 'refused writes are no loss; how many there were is counted');
      const { applicationName } = ledger.options;
      const service = { apiVersion: 'v1', kind: 'Service', namespace: cluster.namespace, name: `${cluster.name}-rw` };
      const select = (role: string | null) =>
        cluster.kube.patch(service, { spec: { selector: { 'cnpg.io/instanceRole': role } } });
      const refused = () => ledger.progress.failed;
      const deadlineMs = performance.now() + 60_000;
      try {
        // the operator puts it right again and again
        while (refused() < 20 && performance.now() < deadlineMs) {
          await select(null);
          await sleep(300);
          await cluster.query(
            `select pg_terminate_backend(pid)::text as ended from pg_stat_activity where application_name = '${applicationName}'`,
          );
        }
      } finally {
        await select('primary');
      }
      await ledger.waitForAcks(200, { timeoutMs: 60_000 });
      const { verdict, counts, checks, failures } = await chaos.verifyLedger();
      expect(verdict).toBe('pass');
      expect(counts).toMatchObject({ lost: 0, phantomFail: 0 });
      expect(checks.find(({ checker }) => checker === 'read-only')?.count).toBeGreaterThan(0);
      expect(failures.map(({ reason }) => reason).join('\n')).toContain('25006');
    },
  );
});
