import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@cnpg-chaos/chaos-kit/vitest';

// The operator and the instance managers live off the API server; PostgreSQL does not. 20 s is longer than the leases of
// operator and primary (15 s): the operator restarts, the primary keeps serving since its peers still answer. Measured
// once on a busy lab: after 30 s without API server the node controller called every node lost, and the operator failed
// over from a healthy primary 68 s after the API server was back.
for (const how of ['stop', 'freeze'] as const) {
  test(
    `writes go on and nobody is promoted while the API server does not answer (${how})`,
    { tags: ['control-plane'] },
    async ({ cluster, ledger, withApiServerDown }) => {
      const run = await withApiServerDown({ how }, () => sleep(20_000));
      await expect(ledger).toHaveLostNoAcknowledgedWrite();
      expect(run).toHaveWriteGapWithin('2s');
      expect(run).toHavePromoted(0);
      expect(run).toHaveConvergedWithin('180s');
      await expect(cluster).toBeHealthy();
    },
  );
}
