import { describe, expect } from 'vitest';
import type { Ledger, LedgerVerification } from '../../src/ledger/index.ts';
import { readObservations } from '../../src/observers/observation-file.ts';
import { until } from '../component/container-host.ts';
import { PostgresCluster } from '../component/postgres-cluster.ts';
import { mutation } from './mutation.ts';
import { cutOff, failOver, SOON, startLedger, WRITERS } from './scenes.ts';

/** A restart brings to light what nobody was told of, and a failover takes it back. */
async function restartThenFailover(seed: number, observe: boolean): Promise<LedgerVerification> {
  await using cluster = await PostgresCluster.start();
  await using ledger = await startLedger(cluster.observed, seed, { observe });
  await cutOff(cluster.standby(), cluster.primary);
  await cluster.primary.untilWaitingForStandby(ledger.options.applicationName, WRITERS);
  await cluster.primary.kill();
  await cluster.primary.start();
  if (observe) await untilSeenAfterRestart(ledger);
  await failOver(cluster, cluster.standby());
  await ledger.waitForAcks(100, SOON);
  const result = await ledger.verify({ final: cluster.final });
  expect(result.counts).toMatchObject({ lost: 0, lostWeak: 0 });
  return result;
}

async function untilSeenAfterRestart(ledger: Ledger): Promise<void> {
  await until('a read after the restart', async () => {
    const reads = readObservations(ledger.historyDir)?.reads.filter(({ from }) => from === 'rw') ?? [];
    return reads.at(-1)?.postmaster !== reads[0]?.postmaster ? true : undefined;
  });
}

describe('mutations: what readers saw', () => {
  mutation('M4', async (seed) => {
    const result = await restartThenFailover(seed, true);
    expect(result.checks.find(({ checker }) => checker === 'vanished')?.count).toBe(WRITERS);
    return result;
  });

  mutation('H9', async (seed) => {
    const result = await restartThenFailover(seed, false);
    expect(result.integrity).toBe('pass');
    expect(result.checks.find(({ checker }) => checker === 'vanished')?.verdict).toBe('unknown');
    return result;
  });
});
