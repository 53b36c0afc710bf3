import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach } from 'vitest';
import { Ledger } from '../../src/ledger/index.ts';
import type { LedgerOptions, LedgerTarget } from '../../src/ledger/index.ts';
import { PostgresCluster } from './postgres-cluster.ts';

/** How many writers a ledger of the scene has. */
export const WRITERS = 4;

/** A cluster with a synchronous standby, and what its tests do with it. */
export interface OutcomeScene {
  readonly cluster: PostgresCluster;
  /** A ledger in closed loop that writes already. */
  readonly startLedger: (options?: Partial<LedgerOptions>, target?: LedgerTarget) => Promise<Ledger>;
  /** Holds the standby until every writer's commit waits for it, and nothing else is going on. */
  readonly hangCommits: (ledger: Ledger) => Promise<void>;
}

/** One cluster for all tests of a file: each leaves it as it found it, and each ledger has its own table. */
export async function outcomeScene(): Promise<OutcomeScene> {
  const cluster = await PostgresCluster.start();
  afterAll(() => cluster[Symbol.asyncDispose]());
  afterEach(async () => {
    cluster.route = cluster.primary;
    await cluster.standby().releaseReceiver();
    await cluster.primary.sql('alter role app reset all');
  });
  return {
    cluster,
    async startLedger(options = {}, target = cluster.target) {
      const ledger = await Ledger.start(target, { writers: WRITERS, rate: 'closed', seed: 7, ...options });
      await ledger.waitForAcks(100, { timeoutMs: 10_000 });
      return ledger;
    },
    async hangCommits(ledger) {
      await cluster.standby().holdReceiver();
      // an answer of the standby that was on its way may still let one of them go on
      for (let acked = -1; acked !== ledger.progress.acked;) {
        acked = ledger.progress.acked;
        await cluster.primary.untilWaitingForStandby(ledger.options.applicationName, WRITERS);
        await sleep(100);
      }
      await cluster.primary.untilWaitingForStandby(ledger.options.applicationName, WRITERS);
    },
  };
}
