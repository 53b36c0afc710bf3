import { Ledger } from '../../src/ledger/index.ts';
import type { LedgerOptions, LedgerTarget } from '../../src/ledger/index.ts';
import { until } from '../component/container-host.ts';
import type { PostgresCluster } from '../component/postgres-cluster.ts';
import type { PostgresInstance } from '../component/postgres-instance.ts';

export const WRITERS = 4;
export const SOON = { timeoutMs: 30_000 };

/** A small ledger that is observed, with its first acknowledgements. */
export async function startLedger(
  target: LedgerTarget,
  seed: number,
  options: Partial<LedgerOptions> = {},
): Promise<Ledger> {
  const ledger = await Ledger.start(target, { rate: 400, writers: WRITERS, seed, keepTable: 'never', ...options });
  await ledger.waitForAcks(200, SOON);
  return ledger;
}

/** A real cut: a stopped receiver would still find what waits in its socket when it goes on. */
export async function cutOff(standby: PostgresInstance, upstream: PostgresInstance): Promise<void> {
  await standby.follow(undefined);
  await until(`${standby.name} is cut off`, async () =>
    (await upstream.value(`select count(*) from pg_stat_replication where application_name = '${standby.name}'`)) ===
    '0'
      ? true
      : undefined,
  );
}

/** The primary is lost and a standby takes its place. */
export async function failOver(cluster: PostgresCluster, to: PostgresInstance): Promise<void> {
  await cluster.primary.kill();
  await to.promote();
  cluster.route = to;
}

/** How many of the writers' rows an instance has. */
export async function rowsOn(instance: PostgresInstance, ledger: Ledger): Promise<number> {
  return Number(await instance.value(`select count(*) from ${ledger.options.table} where writer >= 0`));
}

/** How many of the writers' rows the final read must miss: with nothing in flight, loss is exact. */
export async function missingOn(instance: PostgresInstance, ledger: Ledger): Promise<number> {
  return ledger.progress.acked - (await rowsOn(instance, ledger));
}
