import { defectOf, podDeletePrimaryBusySessions, podDeletePrimaryBusySessionsDefaults } from '@cnpg-chaos/chaos-kit';
import { expect, scenario } from '@cnpg-chaos/chaos-kit/vitest';
import { holdSessions, watchNewSessions } from '../support/sessions.ts';

const held = { idle: 20, inTransaction: 5 };
// what whoever starts an application after the deletion will put up with
const newSessionsMs = 20_000;

scenario(podDeletePrimaryBusySessions, async ({ chaos, cluster, ledger, withPrimaryKilled }) => {
  const sessions = await holdSessions(cluster, held);
  const fresh = watchNewSessions(cluster);
  try {
    const run = await withPrimaryKilled({ gracePeriodSeconds: 60 }, () => cluster.waitForFailover());
    await expect(ledger).toHaveLostNoAcknowledgedWrite();
    expect(run).toKeepTo(podDeletePrimaryBusySessions);
    await chaos.expectedFailure(defectOf(podDeletePrimaryBusySessions), () => {
      expect(fresh.writableAfter(run.faultAtMs)).toBeLessThan(newSessionsMs);
      expect(run).toHaveRecoveredWritesWithin(newSessionsMs);
    });
    await expect(cluster).toBeHealthy();
  } finally {
    await Promise.all([fresh.stop(), sessions.close()]);
  }
});

scenario(podDeletePrimaryBusySessionsDefaults, async ({ chaos, cluster, ledger, withPrimaryKilled }) => {
  const sessions = await holdSessions(cluster, held);
  const fresh = watchNewSessions(cluster);
  try {
    const run = await withPrimaryKilled({ gracePeriodSeconds: 1800, healedWithin: '6m' }, () =>
      cluster.waitForFailover({ timeoutMs: 300_000 }),
    );
    await expect(ledger).toHaveLostNoAcknowledgedWrite();
    expect(run).toKeepTo(podDeletePrimaryBusySessionsDefaults);
    await chaos.expectedFailure(defectOf(podDeletePrimaryBusySessionsDefaults), () => {
      expect(fresh.writableAfter(run.faultAtMs)).toBeLessThan(newSessionsMs);
    });
    await expect(cluster).toBeHealthy();
  } finally {
    await Promise.all([fresh.stop(), sessions.close()]);
  }
});
