import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventLoopMonitor } from '../../observers/event-loop.ts';
import { LedgerStartError, errorReason } from '../errors.ts';
import { HISTORY_FILES } from '../history/format.ts';
import { HistoryWriter } from '../history/history-writer.ts';
import type { ResolvedLedgerOptions } from '../options.ts';
import { Payloads } from '../payload.ts';
import { RunRecord } from '../run-record.ts';
import { ClosedLoop, OpenLoop } from '../schedule.ts';
import type { Schedule } from '../schedule.ts';
import { createRunTable, dropRunTable } from '../run-table.ts';
import type { LedgerTarget } from '../target.ts';
import { Writer } from '../writer.ts';
import { sendError } from './sent-error.ts';
import { AddressBook } from './address-book.ts';
import { monotonicAheadMs, monotonicMs } from './clock-offset.ts';
import { PROTOCOL_VERSION } from './messages.ts';
import type { FromWriters, HistoryPart, ToWriters } from './messages.ts';

const GREET_MS = 1000;
const CONNECT_TOGETHER = 8;
/** How long writes in flight may take when nobody is there any more, in ms. */
const ORPHAN_MS = 0;
const MAX_PART_BYTES = 1024 * 1024;

type Start = Extract<ToWriters, { kind: 'start' }>;
type Send = (message: FromWriters, bytes?: Uint8Array) => void;

/** The writers of one run and its history, in a process of their own and told what to do by messages. */
export class WriterHost {
  readonly #send: Send;
  readonly #addresses: AddressBook;
  #run: Run | undefined;
  #starting: Promise<FromWriters> | undefined;
  #dir: string | undefined;

  constructor(send: Send) {
    this.#send = send;
    this.#addresses = new AddressBook((id) => send({ kind: 'address?', id }));
    setInterval(() => this.greet(), GREET_MS).unref();
  }

  /** Says who it is: the first message, also to somebody who comes back, and a sign of life. */
  greet(): void {
    this.#send({ kind: 'hello', version: PROTOCOL_VERSION, node: process.version, pid: process.pid });
  }

  /** Does what a message says. */
  take(message: ToWriters): void {
    switch (message.kind) {
      case 'ping':
        this.#send({ kind: 'pong', id: message.id, monotonicMs: monotonicMs() });
        return;
      case 'start':
        this.#starting ??= this.#start(message);
        void this.#starting.then((answer) => this.#send(answer));
        return;
      case 'address':
        this.#addresses.learn(message.id, { host: message.host, port: message.port });
        return;
      case 'no-address':
        this.#addresses.fail(message.id, new Error(message.message));
        return;
      case 'standbys':
        this.#run?.record.observed(message);
        return;
      case 'stop':
        void this.#run?.stop(message.timeoutMs).then(() => this.#send({ kind: 'stopped' }));
        return;
      case 'close':
        void this.#close();
        return;
      case 'fetch':
        this.#fetch(message.file, message.offset, message.length);
    }
  }

  /** Nobody is there any more: ends the run at once and its history in order. */
  async orphaned(): Promise<void> {
    await this.#starting;
    await this.#run?.stop(ORPHAN_MS);
    await this.#run?.close();
  }

  async #start(message: Start): Promise<FromWriters> {
    try {
      this.#dir = message.historyDir;
      this.#run = await Run.start(message, this.#addresses, this.#send);
      return { kind: 'started' };
    } catch (error) {
      return { kind: 'refused', error: sendError(error) };
    }
  }

  async #close(): Promise<void> {
    await this.#run?.close();
    this.#send({ kind: 'closed', sizes: sizesOf(this.#dir ?? '') });
  }

  #fetch(part: HistoryPart, offset: number, length: number): void {
    const bytes = Buffer.alloc(Math.min(length, MAX_PART_BYTES));
    const fd = openSync(join(this.#dir ?? '', HISTORY_FILES[part]), 'r');
    try {
      const got = readSync(fd, bytes, 0, bytes.length, offset);
      this.#send({ kind: 'part', file: part, offset }, bytes.subarray(0, got));
    } finally {
      closeSync(fd);
    }
  }
}

/** A run that has begun. */
class Run {
  readonly record: RunRecord;
  readonly #now: () => number;
  readonly #history: HistoryWriter;
  readonly #schedule: Schedule;
  readonly #writers: readonly Writer[];
  readonly #abort: AbortController;
  readonly #send: Send;
  readonly #monitor: EventLoopMonitor;
  readonly #beats: NodeJS.Timeout;
  readonly #finished: Promise<void>;
  #ended = false;
  #closing: Promise<void> | undefined;

  private constructor(parts: RunParts) {
    const { options, now, history, send } = parts;
    this.record = parts.record;
    this.#now = now;
    this.#history = history;
    this.#writers = parts.writers;
    this.#abort = parts.abort;
    this.#send = send;
    const { rate, maxBacklogMs } = options;
    this.#schedule = rate === 'closed' ? new ClosedLoop(now) : new OpenLoop(rate, maxBacklogMs, now);
    this.#monitor = new EventLoopMonitor(({ startMs, endMs }) => this.record.stalled(startMs, endMs), now);
    this.#finished = this.#write();
    history.onFailure = () => this.#endWriting(history.failure);
    if (history.failure !== undefined) this.#endWriting(history.failure);
    this.#beats = setInterval(() => void this.#beat(), parts.beatMs);
  }

  static async start(message: Start, addresses: AddressBook, send: Send): Promise<Run> {
    const { options, about, historyDir, clock } = message;
    const shiftMs = monotonicAheadMs() + clock.shiftMs;
    const now = (): number => performance.now() + shiftMs;
    const runClock = { startedAt: Date.now(), node: process.version, now };
    const { shared, uncertaintyMs } = clock;
    const history = HistoryWriter.create(historyDir, {
      options,
      about,
      clock: runClock,
      offset: { shared, uncertaintyMs },
    });
    const record = new RunRecord(options.writers, history, { writes: false, completions: 'none' });
    const abort = new AbortController();
    const target: LedgerTarget = { ...message.target, resolveHost: (signal) => addresses.current(signal) };
    const payloads = new Payloads(options.seed, options.payloadBytes);
    const kept = (): Promise<boolean> | boolean => history.kept();
    const context = { target, options, record, payloads, signal: abort.signal, now, kept };
    const writers = Array.from({ length: options.writers }, (_, index) => new Writer(index, context));
    const { startTimeoutMs } = options;
    let created = false;
    let connected = 0;
    const late = setTimeout(() => abort.abort(), startTimeoutMs);
    try {
      await createRunTable(target, options, record, abort.signal);
      created = true;
      // a few at a time: each costs a server and us a key derivation
      for (let i = 0; i < writers.length; i += CONNECT_TOGETHER)
        await Promise.all(
          writers.slice(i, i + CONNECT_TOGETHER).map(async (writer) => {
            await writer.connect();
            connected++;
          }),
        );
    } catch (error) {
      const timedOut = abort.signal.aborted;
      abort.abort();
      for (const writer of writers) writer.abandon('start failed');
      if (created) await dropRunTable(target, options).catch(() => undefined);
      await history.discard();
      if (!timedOut) throw error;
      const progress = created
        ? `${connected} of ${writers.length} connections were open`
        : 'its table was not created';
      throw new LedgerStartError(
        `the ledger could not start within ${startTimeoutMs} ms: ${progress}; last seen: ${errorReason(error)}`,
        { cause: error },
      );
    } finally {
      clearTimeout(late);
    }
    const { beatMs } = message;
    return new Run({ options, now, beatMs, history, record, writers, abort, send });
  }

  /** Issues no more writes and waits for those in flight, at most `timeoutMs`; what is still open then stays unknown. */
  async stop(timeoutMs: number): Promise<void> {
    this.#endWriting();
    const patience = new AbortController();
    const late = sleep(timeoutMs, 'late', { signal: patience.signal }).catch(() => undefined);
    if ((await Promise.race([this.#finished, late])) === 'late') {
      this.#abort.abort();
      for (const writer of this.#writers) writer.abandon('stopped');
    }
    await this.#finished;
    patience.abort();
    await this.#history.kept();
  }

  /** Ends the history. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.stop(0);
    clearInterval(this.#beats);
    this.#monitor[Symbol.dispose]();
    await this.#history.close();
  }

  /** A writer that throws is a defect of ours: the run goes on with the others and cannot pass. */
  async #write(): Promise<void> {
    const runs = this.#writers.map((writer) => writer.run(this.#schedule));
    for (const result of await Promise.allSettled(runs)) {
      if (result.status === 'rejected')
        this.record.doubt(`a writer of the ledger broke: ${errorReason(result.reason)}`);
    }
    this.record.drop(this.#schedule.dropped);
  }

  #endWriting(failure?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#schedule.stop();
    this.#send({ kind: 'ending', atMs: this.#now(), failure: failure && sendError(failure) });
  }

  /** What is said is in the history first. */
  async #beat(): Promise<void> {
    const { backlog, dropped } = this.#schedule;
    const atMs = this.#now();
    await this.#history.kept();
    this.#send({ kind: 'beat', atMs, backlog, dropped, sizes: sizesOf(this.#history.dir) });
  }
}

interface RunParts {
  readonly options: ResolvedLedgerOptions;
  readonly now: () => number;
  readonly beatMs: number;
  readonly history: HistoryWriter;
  readonly record: RunRecord;
  readonly writers: readonly Writer[];
  readonly abort: AbortController;
  readonly send: Send;
}

function sizesOf(dir: string) {
  const size = (file: string): number => statSync(join(dir, file), { throwIfNoEntry: false })?.size ?? 0;
  return {
    records: size(HISTORY_FILES.records),
    strings: size(HISTORY_FILES.strings),
    manifest: size(HISTORY_FILES.manifest),
  };
}
