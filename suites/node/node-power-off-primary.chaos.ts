import { nodePowerOffPrimary } from '@cnpg-chaos/chaos-kit';
import { expect, scenario } from '@cnpg-chaos/chaos-kit/vitest';

scenario(nodePowerOffPrimary, async ({ cluster, ledger, withNodeDown }) => {
  const run = await withNodeDown({ target: { nodeOf: 'primary' }, how: 'power-off' }, () => cluster.waitForFailover());
  await expect(ledger).toHaveLostNoAcknowledgedWrite();
  expect(run).toKeepTo(nodePowerOffPrimary);
  await expect(cluster).toBeHealthy();
});
