import { closeSync, fdatasync, fdatasyncSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Completion } from '../completions.ts';
import type { StandbyObservation } from '../durability.ts';
import type { ResolvedLedgerOptions } from '../options.ts';
import type { RecordSink } from '../record-sink.ts';
import type { SessionFacts } from '../session.ts';
import { HISTORY_FILES, HISTORY_FORMAT, RECORD_CODES, RecordBlock, encodeHeader, stateByte } from './format.ts';
import type { HistoryState } from './format.ts';
import { HistoryWriteError } from './history-error.ts';
import { newManifest, writeManifest } from './manifest.ts';
import type { RunManifest } from './manifest.ts';
import type { SideLine } from './side-file.ts';

/** What a history is begun with. */
export interface HistoryOptions {
  readonly options: ResolvedLedgerOptions;
  /** Kept in `run.json` as it is. */
  readonly about?: Record<string, unknown> | undefined;
  /** Clocks and name of the runtime, for histories that must come out the same every time. Default: those of this process. */
  readonly clock?: HistoryClock | undefined;
  /** How that clock relates to the one of the run. */
  readonly offset?: RunManifest['clock'];
}

/** Where times come from. */
export interface HistoryClock {
  /** Wall clock, in ms since 1970. */
  readonly startedAt: number;
  readonly node: string;
  /** Monotonic, in ms. */
  now(): number;
}

/** How many numbers a writer reserves at a time; half of them before they run out, so that nobody waits for the disk. */
const RESERVATION = 65_536;
/** Time between two group syncs, in ms: what a crash of the host, not of the process, may take from the end. */
const SYNC_MS = 100;
/** So many statements wait for each other within a turn at most, or an eighth of the writers: more would leave the server idle for longer than they save. */
const SENT_TOGETHER = 8;
const BLOCK_RECORDS = 256;
const NO_WRITER = 0xffff;
/** Beyond as many different reasons they are written again instead of being remembered. */
const MAX_KNOWN_TEXTS = 10_000;

/**
 * A run on disk, as it happens. Three promises hold whenever the process is killed:
 * a number is durably reserved before it is used; a write is in the file before a byte of it is sent, when its sender waits
 * for `kept`; an acknowledgement is in the file before anything outside this turn of the event loop can have counted it.
 * `write()` is enough for the last two, since the page cache outlives the process; all records of a turn share one. Every
 * 100 ms all of it is synced. After the first error nothing more is written.
 */
export class HistoryWriter implements RecordSink {
  readonly dir: string;
  /** Why the history could not be written any further. */
  failure: HistoryWriteError | undefined;
  /** Called once, at the failure. */
  onFailure: (() => void) | undefined;
  readonly #records: number;
  readonly #strings: number;
  readonly #clock: HistoryClock;
  readonly #block = new RecordBlock(BLOCK_RECORDS);
  readonly #reserved: Float64Array;
  readonly #durable: Float64Array;
  readonly #texts = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #manifest: RunManifest;
  #lines = 0;
  #written = 0;
  #buffered = 0;
  /** A flush at the end of this turn is arranged. */
  #flushing = false;
  #awaited: PromiseWithResolvers<boolean> | undefined;
  readonly #sentTogether: number;
  #unsent = 0;
  #dirty = false;
  #syncing: Promise<void> | undefined;
  #closed = false;

  private constructor(
    dir: string,
    o: HistoryOptions,
    clock: HistoryClock,
    files: { records: number; strings: number },
  ) {
    const { writers, seed } = o.options;
    this.dir = dir;
    this.#clock = clock;
    this.#reserved = new Float64Array(writers);
    this.#durable = new Float64Array(writers);
    this.#sentTogether = Math.max(1, Math.min(SENT_TOGETHER, Math.floor(writers / 8)));
    this.#manifest = newManifest({
      options: o.options,
      startedAt: new Date(clock.startedAt),
      node: clock.node,
      clock: o.offset,
      about: o.about,
    });
    this.#records = files.records;
    this.#strings = files.strings;
    writeManifest(dir, this.#manifest);
    const header = encodeHeader({ seed, writers, startedAt: clock.startedAt, startedAtMs: clock.now() });
    writeSync(this.#records, header, 0, header.length, 0);
    for (let writer = 0; writer < writers; writer++) this.#reserve(writer);
    this.#flush();
    if (this.failure !== undefined) throw this.failure;
    fsyncSync(this.#records);
    this.#durable.set(this.#reserved);
    this.#timer = setInterval(() => this.#sync(), SYNC_MS);
    this.#timer.unref();
  }

  /** Begins a history in a directory, which is made when it is missing. @throws HistoryWriteError, also when it holds one already. */
  static create(dir: string, options: HistoryOptions): HistoryWriter {
    const clock = options.clock ?? { startedAt: Date.now(), node: process.version, now: () => performance.now() };
    const opened: number[] = [];
    const open = (file: string): number => {
      // never over another history
      const fd = openSync(join(dir, file), 'wx');
      opened.push(fd);
      return fd;
    };
    try {
      mkdirSync(dir, { recursive: true });
      const files = { records: open(HISTORY_FILES.records), strings: open(HISTORY_FILES.strings) };
      return new HistoryWriter(dir, options, clock, files);
    } catch (error) {
      for (const fd of opened) closeSync(fd);
      if (error instanceof HistoryWriteError) throw error;
      const taken = error instanceof Error && 'code' in error && error.code === 'EEXIST';
      const why = taken ? 'it holds a history already; an empty or a new directory would be right' : error;
      throw new HistoryWriteError(dir, why);
    }
  }

  /** The record is in the file when `kept` resolves. */
  invoke(writer: number, seq: number, count: number): boolean {
    if (this.failure !== undefined || this.#closed) return false;
    const end = seq + count;
    if (end + RESERVATION / 2 > (this.#reserved[writer] ?? 0)) this.#reserve(writer);
    if (end > (this.#durable[writer] ?? 0)) this.#syncNow();
    this.#put(RECORD_CODES.invoke, this.#clock.now(), writer, seq, count - 1);
    this.#flushSoon();
    if (++this.#unsent >= this.#sentTogether) this.#flush();
    return this.failure === undefined;
  }

  /** True, or resolves with it, when everything that was told until now is in the file; false when it could not be written. */
  kept(): Promise<boolean> | boolean {
    if (this.#buffered === 0) return this.failure === undefined;
    this.#awaited ??= Promise.withResolvers<boolean>();
    return this.#awaited.promise;
  }

  origin(index: number, server: string, timeline: number): void {
    const ref = this.#line({ kind: 'origin', server, timeline });
    this.#append(RECORD_CODES.origin, this.#clock.now(), 0, 0, 0, 0, ref, NO_WRITER, index);
    this.#flushSoon();
  }

  acknowledged(c: Completion, durabilityHash: number): void {
    const { endMs, lsn, seq, sentMs, dueMs, writer, origin } = c;
    const code = c.outcome === 'ok-weak' ? RECORD_CODES['ok-weak'] : RECORD_CODES.ok;
    this.#append(code, endMs, lsn, seq, endMs - sentMs, sentMs - dueMs, durabilityHash, writer, origin);
    this.#flushSoon();
  }

  unacknowledged(c: Completion, reason: string): void {
    const { endMs, seq, sentMs, dueMs, writer, origin } = c;
    const code = c.outcome === 'fail' ? RECORD_CODES.fail : RECORD_CODES.info;
    this.#append(code, endMs, 0, seq, endMs - sentMs, sentMs - dueMs, this.#text(reason), writer, origin);
    this.#flushSoon();
  }

  connected(writer: number, epoch: number, facts: SessionFacts, atMs: number): void {
    this.#put(RECORD_CODES.connected, atMs, writer, epoch, this.#line({ kind: 'facts', facts }));
    this.#flushSoon();
    this.#describe(facts);
  }

  connectFailed(): void {
    this.#put(RECORD_CODES['connect-failed'], this.#clock.now(), NO_WRITER, 0, 0);
    this.#flushSoon();
  }

  settings(facts: SessionFacts): void {
    this.#put(RECORD_CODES.settings, this.#clock.now(), NO_WRITER, 0, this.#line({ kind: 'facts', facts }));
    this.#flushSoon();
    this.#describe(facts);
  }

  standbys({ atMs, streaming, synchronous }: StandbyObservation): void {
    this.#append(RECORD_CODES.standbys, atMs, 0, streaming, 0, 0, 0, NO_WRITER, synchronous);
    this.#flushSoon();
  }

  tombstone(seq: number): void {
    this.#put(RECORD_CODES.tombstone, this.#clock.now(), NO_WRITER, seq, 0);
    this.#flush();
  }

  dropped(count: number): void {
    this.#put(RECORD_CODES.dropped, this.#clock.now(), NO_WRITER, count, 0);
    this.#flush();
  }

  stalled(startMs: number, endMs: number): void {
    this.#append(RECORD_CODES.stall, endMs, 0, 0, endMs - startMs, 0, 0, NO_WRITER, 0);
    this.#flushSoon();
  }

  doubt(reason: string): void {
    this.#put(RECORD_CODES.doubt, this.#clock.now(), NO_WRITER, 0, this.#text(reason));
    this.#flush();
  }

  /** Ends the history: what follows is refused. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#syncing;
    this.#flush();
    if (this.failure === undefined) {
      try {
        fdatasyncSync(this.#strings);
        fdatasyncSync(this.#records);
        this.#markState('closed');
        fdatasyncSync(this.#records);
      } catch (error) {
        this.#fail(HISTORY_FILES.records, error);
      }
    }
    closeSync(this.#records);
    closeSync(this.#strings);
  }

  /** Ends the history of a run that never began, and removes it. */
  async discard(): Promise<void> {
    await this.close();
    for (const file of Object.values(HISTORY_FILES)) rmSync(join(this.dir, file), { force: true });
  }

  #reserve(writer: number): void {
    const bound = (this.#reserved[writer] ?? 0) + RESERVATION;
    this.#put(RECORD_CODES.reserve, this.#clock.now(), writer, bound, 0);
    this.#reserved[writer] = bound;
  }

  /** The writer was faster than the group syncs: it has to wait for the disk. */
  #syncNow(): void {
    this.#flush();
    if (this.failure !== undefined) return;
    try {
      fdatasyncSync(this.#records);
      this.#durable.set(this.#reserved);
    } catch (error) {
      this.#fail(HISTORY_FILES.records, error);
    }
  }

  #put(code: number, atMs: number, writer: number, seq: number, ref: number): void {
    this.#append(code, atMs, 0, seq, 0, 0, ref, writer, 0);
  }

  #append(
    code: number,
    atMs: number,
    lsn: number,
    seq: number,
    serviceMs: number,
    queueMs: number,
    ref: number,
    writer: number,
    origin: number,
  ): void {
    if (this.#closed) return;
    if (this.#buffered === BLOCK_RECORDS) this.#flush();
    const index = this.#written + this.#buffered;
    this.#block.put(this.#buffered++, index, code, atMs, lsn, seq, serviceMs, queueMs, ref, writer, origin);
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // after every socket that was readable in this turn
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.failure === undefined && this.#buffered > 0) {
      const { headerBytes, recordBytes } = HISTORY_FORMAT;
      const length = this.#buffered * recordBytes;
      const position = headerBytes + this.#written * recordBytes;
      try {
        let done = 0;
        while (done < length) done += writeSync(this.#records, this.#block.bytes, done, length - done, position + done);
        this.#dirty = true;
      } catch (error) {
        this.#fail(HISTORY_FILES.records, error);
      }
    }
    this.#written += this.#buffered;
    this.#buffered = 0;
    this.#unsent = 0;
    this.#awaited?.resolve(this.failure === undefined);
    this.#awaited = undefined;
  }

  /** Appends to the side file and returns the number of the line. */
  #line(content: DistributiveOmit<SideLine, 'id'>): number {
    const id = this.#lines++;
    if (this.failure !== undefined || this.#closed) return id;
    const bytes = Buffer.from(`${JSON.stringify({ id, ...content })}\n`);
    try {
      let done = 0;
      while (done < bytes.length) done += writeSync(this.#strings, bytes, done);
    } catch (error) {
      this.#fail(HISTORY_FILES.strings, error);
    }
    return id;
  }

  #text(text: string): number {
    let id = this.#texts.get(text);
    if (id === undefined) {
      id = this.#line({ kind: 'text', text });
      if (this.#texts.size >= MAX_KNOWN_TEXTS) this.#texts.clear();
      this.#texts.set(text, id);
    }
    return id;
  }

  /** Adds to `run.json` what a server says of itself for the first time. */
  #describe(facts: SessionFacts): void {
    const { durability, versions } = this.#manifest;
    const hash = String(facts.durabilityHash);
    if (this.failure !== undefined || hash in durability) return;
    const { synchronousCommit, synchronousStandbyNames, fsync, systemIdentifier, serverVersion } = facts;
    this.#manifest = {
      ...this.#manifest,
      versions: { ...versions, server: serverVersion },
      systemIdentifier,
      durability: { ...durability, [hash]: { synchronousCommit, synchronousStandbyNames, fsync } },
    };
    try {
      writeManifest(this.dir, this.#manifest);
    } catch (error) {
      this.#fail(HISTORY_FILES.manifest, error);
    }
  }

  #sync(): void {
    if (!this.#dirty || this.#syncing !== undefined || this.failure !== undefined) return;
    this.#dirty = false;
    const reserved = this.#reserved.slice();
    this.#syncing = this.#syncFiles()
      .then(
        () => this.#durable.set(reserved),
        (error: unknown) => this.#fail(HISTORY_FILES.records, error),
      )
      .finally(() => (this.#syncing = undefined));
  }

  async #syncFiles(): Promise<void> {
    for (const fd of [this.#strings, this.#records]) {
      await new Promise<void>((resolve, reject) =>
        fdatasync(fd, (error) => (error === null ? resolve() : reject(error))),
      );
    }
  }

  #fail(file: string, error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = new HistoryWriteError(join(this.dir, file), error);
    try {
      this.#markState('gave-up');
    } catch {
      // then it looks like that of a killed process, which is as good
    }
    this.onFailure?.();
  }

  #markState(state: HistoryState): void {
    const { bytes, offset } = stateByte(state);
    writeSync(this.#records, bytes, 0, bytes.length, offset);
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
