import type { LedgerTarget } from '../ledger/target.ts';
import { errorReason } from '../ledger/errors.ts';
import { ObservationWriter } from './observation-file.ts';
import type { ObservationSink } from './observation-file.ts';
import type { ObserverContext } from './observer-loop.ts';
import { RoleProber } from './role-prober.ts';
import { RowReader } from './row-reader.ts';

/** What a run is observed with. */
export interface ObserversOptions {
  readonly target: LedgerTarget;
  /** Directory of the history. */
  readonly dir: string;
  readonly table: string;
  readonly writers: number;
  /** Of the ledger; observers add what they are, so that ending its sessions leaves theirs. */
  readonly applicationName: string;
}

/** Pauses between two looks, ages at which a session is replaced, and the bound of a look, in ms. */
const RW_PERIOD_MS = 200;
const RW_SESSION_MS = 5000;
const RO_PERIOD_MS = 500;
const RO_SESSION_MS = 15_000;
const PROBE_PERIOD_MS = 200;
const LOOK_TIMEOUT_MS = 2000;

/**
 * Those who look while a ledger writes: a reader on `-rw`, one on `-ro`, and a prober of every instance where the target
 * knows them, and what Kubernetes says of the cluster. They only look, in sessions of their own; what they see goes into
 * `observations.jsonl` beside the history. Times are `performance.now()` of this process.
 */
export class Observers implements AsyncDisposable {
  readonly #writer: ObservationWriter;
  readonly #abort = new AbortController();
  readonly #work: Promise<unknown>[];
  #stopped: Promise<void> | undefined;

  private constructor(options: ObserversOptions) {
    const { target, table, writers, applicationName } = options;
    this.#writer = new ObservationWriter(options.dir);
    const { signal } = this.#abort;
    const sink = this.#writer;
    const context = (suffix: string): ObserverContext => ({
      target,
      sink,
      applicationName: `${applicationName}-${suffix}`,
      timeoutMs: LOOK_TIMEOUT_MS,
    });
    const rows = { table, writers };
    const readers = [
      new RowReader(context('rw'), {
        ...rows,
        from: 'rw',
        resolve: (limit) => target.resolveHost(limit),
        periodMs: RW_PERIOD_MS,
        sessionMs: RW_SESSION_MS,
      }),
    ];
    const { readOnly, instances, watch } = target;
    if (readOnly !== undefined) {
      const ro = { ...rows, from: 'ro', periodMs: RO_PERIOD_MS, sessionMs: RO_SESSION_MS } as const;
      readers.push(new RowReader(context('ro'), { ...ro, resolve: readOnly }));
    }
    this.#work = readers.map((reader) => reader.run(signal));
    if (instances !== undefined)
      this.#work.push(new RoleProber(context('role'), instances, PROBE_PERIOD_MS).run(signal));
    if (watch !== undefined) this.#work.push(followCluster(watch, sink, signal));
  }

  /** Begins to look. Never throws: who cannot look says so in the observations. */
  static start(options: ObserversOptions): Observers {
    return new Observers(options);
  }

  /** Why observations could not be kept any further. */
  get problem(): string | undefined {
    return this.#writer.problem;
  }

  /** Looks a last time and ends. Idempotent; bounded by a few seconds. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    await Promise.allSettled(this.#work);
    this.#writer[Symbol.dispose]();
  }
}

/** Keeps what the platform says of the cluster, and when it could not be heard. */
async function followCluster(
  watch: NonNullable<LedgerTarget['watch']>,
  sink: ObservationSink,
  signal: AbortSignal,
): Promise<void> {
  const startMs = performance.now();
  const { promise: over, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  const blind = (it: { fromMs: number; toMs: number; why: string }): void => {
    const { fromMs, toMs, why } = it;
    if (toMs >= startMs) sink.write({ kind: 'blind', observer: 'cluster', fromMs, toMs, why });
  };
  try {
    const following = await watch(({ atMs, what, instance, uid, from, to, late }) =>
      sink.write({ kind: 'cluster', atMs, what, instance, uid, from, to, late }),
    );
    if (!signal.aborted) await over;
    for (const interval of following.blind) blind(interval);
    await following.stop();
  } catch (error) {
    blind({ fromMs: startMs, toMs: performance.now(), why: errorReason(error) });
  }
}
