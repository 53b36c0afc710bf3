import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@cnpg-chaos/chaos-kit/vitest';

// Four ways for a node to be gone. Kubernetes calls it lost after 50 s of silence; only then the operator acts.
for (const how of ['freeze', 'kubelet-stop', 'isolate'] as const) {
  test(
    `a standby takes over and no acknowledged write is lost when the primary's node is gone (${how})`,
    { tags: ['node'] },
    async ({ cluster, ledger, withNodeDown }) => {
      const run = await withNodeDown({ how }, () => cluster.waitForFailover());
      await expect(ledger).toHaveLostNoAcknowledgedWrite();
      expect(run).toHavePromoted(1);
      expect(run).toHaveConvergedWithin('300s');
      await expect(cluster).toBeHealthy();
    },
  );
}

test(
  'a reboot of a node with a replica is not even noticed by clients',
  { tags: ['node'] },
  async ({ cluster, ledger, withNodeDown }) => {
    const run = await withNodeDown({ target: { nodeOf: { replica: 0 } }, restoreAfter: '5s' }, () => sleep(8_000));
    await expect(ledger).toHaveLostNoAcknowledgedWrite();
    expect(run).toHaveWriteGapWithin('2s');
    expect(run).toHavePromoted(0);
    expect(run).toHaveConvergedWithin('180s');
    await expect(cluster).toBeHealthy();
  },
);
