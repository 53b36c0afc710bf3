import { postmasterSigkillPrimary } from '@cnpg-chaos/chaos-kit';
import { expect, scenario } from '@cnpg-chaos/chaos-kit/vitest';

scenario(postmasterSigkillPrimary, async ({ cluster, ledger, withProcessSignal }) => {
  const run = await withProcessSignal({ process: 'postmaster', signal: 'KILL' }, () =>
    ledger.waitForAcks(1_000, { timeoutMs: 60_000 }),
  );
  await expect(ledger).toHaveLostNoAcknowledgedWrite();
  expect(run).toKeepTo(postmasterSigkillPrimary);
  await expect(cluster).toBeHealthy();
});
