import { LedgerError } from '../ledger/errors.ts';
import { parsePosition } from '../ledger/lsn.ts';
import { TIMELINE_SQL } from '../ledger/table.ts';
import type { InstanceAddress } from '../ledger/target.ts';
import { observe } from './observer-loop.ts';
import type { ObserverContext, ObserverSession } from './observer-loop.ts';

const PROBE_SQL = `select pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
  case when pg_is_in_recovery() then (select received_tli from pg_stat_wal_receiver) else ${TIMELINE_SQL} end,
  case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
  coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'local'), pg_postmaster_start_time()::text,
  current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
  (select sum(checksum_failures)::int from pg_stat_database)`;

/** After this time off the list an instance is not probed any more, in ms: its address may be another's by then. */
const UNLISTED_MS = 60_000;

interface Probed {
  readonly abort: AbortController;
  readonly done: Promise<void>;
  listedAtMs: number;
}

/** Pause between two looks at where the instances are, in ms. */
const LIST_MS = 1000;

/**
 * Asks every instance, over sessions that were opened before anything broke, whether it is a primary and accepts writes: the
 * truth of SQL, which no Service and no label can hide.
 */
export class RoleProber {
  readonly #context: ObserverContext;
  readonly #list: (signal: AbortSignal) => Promise<readonly InstanceAddress[]>;
  readonly #periodMs: number;
  readonly #probes = new Map<string, Probed>();
  #known = '';

  constructor(
    context: ObserverContext,
    list: (signal: AbortSignal) => Promise<readonly InstanceAddress[]>,
    periodMs: number,
  ) {
    this.#context = context;
    this.#list = list;
    this.#periodMs = periodMs;
  }

  /** Probes until the signal fires. The list of instances is looked at each second; when nobody tells it, the last one stays. */
  async run(signal: AbortSignal): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
    while (!signal.aborted) {
      try {
        this.#follow(await this.#list(signal));
      } catch {
        // the sessions that are open are all the more worth keeping
      }
      const timer = Promise.withResolvers<void>();
      const id = setTimeout(timer.resolve, LIST_MS);
      await Promise.race([timer.promise, over]);
      clearTimeout(id);
    }
    for (const { abort } of this.#probes.values()) abort.abort();
    await Promise.all([...this.#probes.values()].map(({ done }) => done));
  }

  #follow(list: readonly InstanceAddress[]): void {
    const wanted = new Map(list.map((it) => [`${it.name} ${it.host}:${it.port}`, it]));
    const known = [...wanted.keys()].toSorted().join();
    if (known !== this.#known) {
      this.#known = known;
      const instances = [...wanted.values()].map(({ name, host, port }) => ({ name, host, port }));
      this.#context.sink.write({ kind: 'instances', atMs: performance.now(), instances });
    }
    for (const [key, instance] of wanted) {
      const probed = this.#probes.get(key);
      if (probed === undefined || probed.abort.signal.aborted) this.#begin(key, instance);
      else probed.listedAtMs = performance.now();
    }
    // one that is not listed any more may be the very one that is cut off and goes on
    for (const { abort, listedAtMs } of this.#probes.values())
      if (performance.now() - listedAtMs > UNLISTED_MS) abort.abort();
  }

  #begin(key: string, { name, host, port }: InstanceAddress): void {
    const abort = new AbortController();
    const look = {
      observer: `probe ${name}`,
      periodMs: this.#periodMs,
      anyServerName: true,
      resolve: async () => ({ host, port }),
      look: (session: ObserverSession) => this.#probe(name, session),
    };
    const done = observe(this.#context, look, abort.signal);
    this.#probes.set(key, { abort, done, listedAtMs: performance.now() });
  }

  async #probe(instance: string, session: ObserverSession): Promise<void> {
    const startMs = performance.now();
    const [row] = await session.query(PROBE_SQL);
    if (row === undefined) throw new LedgerError('LEDGER_OBSERVER', 'a probe brought no row');
    const [
      recovering,
      readOnly,
      timeline,
      lsn,
      server,
      postmaster,
      synchronousCommit,
      synchronousStandbyNames,
      failures,
    ] = row;
    this.#context.sink.write({
      kind: 'probe',
      instance,
      session: session.number,
      startMs,
      endMs: performance.now(),
      server: String(server),
      postmaster: String(postmaster),
      recovering: recovering === true,
      readOnly: readOnly === true,
      ...(timeline === null ? {} : { timeline: Number(timeline) }),
      lsn: parsePosition(String(lsn)) ?? 0,
      synchronousCommit: String(synchronousCommit),
      synchronousStandbyNames: String(synchronousStandbyNames),
      ...(failures === null ? {} : { checksumFailures: Number(failures) }),
    });
  }
}
