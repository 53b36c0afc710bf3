import { setTimeout as sleep } from 'node:timers/promises';
import { switchoverLoadLaggingTarget } from '@cnpg-chaos/chaos-kit';
import { expect, scenario } from '@cnpg-chaos/chaos-kit/vitest';

const rounds = 5;

scenario(switchoverLoadLaggingTarget, async ({ cluster, ledger, withReplayPaused, withSwitchover }) => {
  for (let round = 0; round < rounds; round += 1) {
    const run = await withReplayPaused({ target: { replica: round % 2 } }, async ({ targets: [lagging] }) => {
      await sleep(5_000);
      if (lagging === undefined) throw new TypeError('no standby was paused');
      await withSwitchover({ to: { instance: lagging.name } }, () => cluster.waitForFailover());
    });
    expect(run).toKeepTo(switchoverLoadLaggingTarget);
  }
  await expect(ledger).toHaveLostNoAcknowledgedWrite();
  await expect(cluster).toBeHealthy();
});
