import { LedgerError } from '../ledger/errors.ts';
import { TIMELINE_SQL } from '../ledger/table.ts';
import type { Address } from '../ledger/target.ts';
import { observe } from './observer-loop.ts';
import type { ObserverContext, ObserverSession } from './observer-loop.ts';
import type { ReadObservation } from './observation.ts';

/** What a reader reads, and how often. */
export interface RowReaderOptions {
  readonly from: 'rw' | 'ro';
  readonly table: string;
  readonly writers: number;
  resolve(signal: AbortSignal): Promise<Address>;
  /** Pause between two reads, in ms. */
  readonly periodMs: number;
  /** A new session is opened after this time, in ms: a route is only seen by those who connect. */
  readonly sessionMs: number;
}

/** Each read looks again at what was new in this time, in ms: what vanishes soon after it was seen is dated. */
const WINDOW_MS = 3000;
/** After this time a read looks at everything, in ms. */
const WHOLE_MS = 60_000;

/** Of a long run everything is looked at less often: this many times as long as it takes. */
const WHOLE_SHARE = 50;
/** Bound of a read that looks at everything, in ms; it may have to read millions of rows. */
const WHOLE_TIMEOUT_MS = 15_000;

/** How long a last read is tried, in ms. */
const LAST_MS = 2000;

/** Every plan but the one by the index would read the whole table each time. */
const PLANS = ['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin'];
const SETTINGS_SQL = `select ${PLANS.map((plan) => `set_config('enable_${plan}', 'off', false)`).join(', ')}`;

function readSql(table: string): string {
  return `with low as (select * from unnest($1::int[], $2::int[]) as l (writer, seq)),
  ids as (select distinct t.writer, t.seq from low join ${table} t on t.writer = low.writer and t.seq > low.seq),
  islands as (select writer, seq, seq - row_number() over (partition by writer order by seq) as island from ids),
  runs as (select writer, min(seq) as first, max(seq) as last from islands group by writer, island)
select pg_is_in_recovery(), case when pg_is_in_recovery() then null else ${TIMELINE_SQL} end,
  coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'local'), pg_postmaster_start_time()::text,
  (select coalesce(json_agg(json_build_array(writer, first, last) order by writer, first), '[]') from runs)::text`;
}

/**
 * Reads the table of a run again and again by one route and keeps what was there: all that is new, and again what was new in
 * the last seconds. The first read of each life of a server, one each minute, and the last one look at everything.
 */
export class RowReader {
  readonly #context: ObserverContext;
  readonly #options: RowReaderOptions;
  readonly #all: number[];
  readonly #order: number[];
  /** The highest number seen per writer, as of some times, oldest first. */
  #marks: { readonly atMs: number; readonly highest: readonly number[] }[] = [];
  #highest: number[];
  #wholeAtMs = -Infinity;
  #wholeTookMs = 0;
  #life = '';
  #session = -1;
  #recovering = false;

  constructor(context: ObserverContext, options: RowReaderOptions) {
    this.#context = context;
    this.#options = options;
    this.#order = Array.from({ length: options.writers }, (_, writer) => writer);
    this.#all = this.#order.map(() => -1);
    this.#highest = [...this.#all];
  }

  /** Reads until the signal fires, and then once more at everything. */
  async run(signal: AbortSignal): Promise<void> {
    const { from, periodMs, sessionMs } = this.#options;
    const look = {
      observer: from,
      periodMs,
      resolve: (limit: AbortSignal) => this.#options.resolve(limit),
      opened: async (session: ObserverSession) => void (await session.query(SETTINGS_SQL)),
      look: (session: ObserverSession) => this.#read(session),
    };
    await observe(this.#context, { ...look, sessionMs }, signal);
    this.#wholeAtMs = -Infinity;
    await observe(this.#context, { ...look, onceWithinMs: LAST_MS }, new AbortController().signal);
  }

  async #read(session: ObserverSession): Promise<void> {
    const startMs = performance.now();
    const whole = startMs - this.#wholeAtMs >= Math.max(WHOLE_MS, this.#wholeTookMs * WHOLE_SHARE);
    const above = whole ? this.#all : this.#lowMarks(startMs);
    const [row] = await session.query(
      readSql(this.#options.table),
      [this.#order, above],
      whole ? WHOLE_TIMEOUT_MS : undefined,
    );
    const endMs = performance.now();
    if (row === undefined) throw new LedgerError('LEDGER_OBSERVER', 'a read brought no row');
    const [recovering, timeline, server, postmaster, json] = row;
    const life = `${String(server)} ${String(postmaster)} ${String(timeline)}`;
    if (life !== this.#life && !whole) {
      // another server, or the same one on another timeline: look at all of it first
      this.#life = life;
      this.#wholeAtMs = -Infinity;
      await this.#read(session);
      return;
    }
    this.#life = life;
    if (whole) {
      this.#wholeAtMs = startMs;
      this.#wholeTookMs = endMs - startMs;
    }
    // a snapshot may be older than a promotion that the same statement already tells of
    const before = session.number === this.#session && this.#recovering;
    this.#session = session.number;
    this.#recovering = recovering === true;
    const runs = JSON.parse(String(json)) as ReadObservation['runs'];
    this.#context.sink.write({
      kind: 'read',
      from: this.#options.from,
      session: session.number,
      openedMs: session.openedMs,
      startMs,
      endMs,
      server: String(server),
      postmaster: String(postmaster),
      recovering: this.#recovering || before,
      ...(timeline === null || before ? {} : { timeline: Number(timeline) }),
      above,
      runs,
    });
    for (const [writer, , last] of runs) this.#highest[writer] = Math.max(this.#highest[writer] ?? -1, last);
    this.#marks.push({ atMs: endMs, highest: [...this.#highest] });
  }

  /** The highest numbers that had been seen before the window that is looked at again. */
  #lowMarks(nowMs: number): number[] {
    const old = this.#marks.findLastIndex(({ atMs }) => atMs <= nowMs - WINDOW_MS);
    if (old < 0) return this.#all;
    this.#marks = this.#marks.slice(old);
    return [...(this.#marks[0]?.highest ?? this.#all)];
  }
}
