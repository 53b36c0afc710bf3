import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@cnpg-chaos/chaos-kit/vitest';

// A lease is renewed within 10 s (renewDeadline), so that 2 s are felt by nobody but the operator.
test(
  'nobody is promoted and writes go on while the API server is slow',
  { tags: ['control-plane'] },
  async ({ cluster, ledger, withApiLatency }) => {
    const run = await withApiLatency({ latency: '2s' }, () => sleep(30_000));
    await expect(ledger).toHaveLostNoAcknowledgedWrite();
    expect(run).toHaveWriteGapWithin('2s');
    expect(run).toHavePromoted(0);
    await expect(cluster).toBeHealthy();
  },
);
