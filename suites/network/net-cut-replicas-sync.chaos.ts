import { setTimeout as sleep } from 'node:timers/promises';
import { netCutReplicasSync } from '@cnpg-chaos/chaos-kit';
import { expect, scenario } from '@cnpg-chaos/chaos-kit/vitest';

const heldMs = 60_000;

scenario(netCutReplicasSync, async ({ cluster, ledger, withPartition }) => {
  const run = await withPartition({ from: 'primary', to: 'all-replicas' }, () => sleep(heldMs));
  await expect(ledger).toHaveLostNoAcknowledgedWrite();
  // what was in flight when the cut fell may still be answered
  expect(run.writeGapMs).toBeGreaterThan(heldMs - 5_000);
  expect(run).toKeepTo(netCutReplicasSync);
  await expect(cluster).toBeHealthy();
});
