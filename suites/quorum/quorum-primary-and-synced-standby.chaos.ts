import { setTimeout as sleep } from 'node:timers/promises';
import { instanceKilled, nodeClosed, quorumPrimaryAndSyncedStandby } from '@cnpg-chaos/chaos-kit';
import { expect, scenario } from '@cnpg-chaos/chaos-kit/vitest';

// Long enough for a failover to happen if it were allowed: one takes about 20 s here.
const aloneMs = 45_000;

scenario(quorumPrimaryAndSyncedStandby, async ({ chaos, cluster, ledger, withNodeClosed }) => {
  // their volumes lie on their nodes, so the pods cannot come back until the nodes are open again
  const run = await withNodeClosed({ target: { nodeOf: 'primary' } }, async ({ targets: [first] }) => {
    const closed = await chaos.inject(nodeClosed, { target: { nodeOf: 'sync-standby' } });
    const nodes = [first?.name, closed.targets[0]?.name];
    const instances = (await cluster.instances()).filter(({ pod }) => nodes.includes(pod.node));
    expect(instances).toHaveLength(2);
    const before = await cluster.read();
    await chaos.inject(instanceKilled, {
      target: instances.map(({ name }) => ({ instance: name })),
      gracePeriodSeconds: 0,
    });
    await sleep(aloneMs);
    const { status } = await cluster.read();
    expect(status?.currentPrimary).toBe(before.status?.currentPrimary);
    expect(status?.timelineID).toBe(before.status?.timelineID);
    await closed.heal();
  });
  await expect(ledger).toHaveLostNoAcknowledgedWrite();
  expect(run.writeGapMs).toBeGreaterThan(aloneMs - 5_000);
  expect(run).toKeepTo(quorumPrimaryAndSyncedStandby);
  await expect(cluster).toBeHealthy();
});
