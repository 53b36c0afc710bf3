import { setTimeout as sleep } from 'node:timers/promises';
import { diskWalFullPrimary } from '@cnpg-chaos/chaos-kit';
import { expect, scenario } from '@cnpg-chaos/chaos-kit/vitest';
import { phases, waitForPhase } from '@cnpg-chaos/cnpg-utils';

scenario(diskWalFullPrimary, async ({ chaos, cluster, ledger, withDiskFull }) => {
  const { kube, namespace, name } = cluster;
  const run = await withDiskFull({ target: 'primary', volume: 'wal' }, async () => {
    // recycled segments are used up first; this does it at once
    for (let i = 0; i < 8; i += 1) await cluster.query('SELECT pg_switch_wal()', chaos.signal).catch(() => undefined);
    await waitForPhase(kube, { namespace, name }, phases.notEnoughDiskSpace, {
      timeoutMs: 60_000,
      signal: chaos.signal,
    });
    await sleep(20_000);
  });
  await expect(ledger).toHaveLostNoAcknowledgedWrite();
  expect(run).toKeepTo(diskWalFullPrimary);
  await expect(cluster).toBeHealthy();
});
