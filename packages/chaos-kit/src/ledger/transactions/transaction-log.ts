import { closeSync, fdatasync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { HistoryError, HistoryWriteError } from '../history/history-error.ts';

/** What the first line of a file says about the run. */
export interface TransactionLogHeader {
  readonly workload: 'bank' | 'list-append';
  /** Options of the run with their defaults. */
  readonly options: Record<string, unknown>;
  /** Facts of the caller. */
  readonly about?: Record<string, unknown> | undefined;
}

const FORMAT = 'cnpg-chaos/transactions';
const VERSION = 1;
const SYNC_MS = 100;

/**
 * The history of a run of transactions as JSON lines. A line is in the file before what it tells goes on: the begin of a
 * transaction before it is sent, its end before it is counted. Synced every 100 ms. When it cannot be written any more, `failure`
 * says why, and the run must stop.
 */
export class TransactionLog {
  readonly file: string;
  failure: HistoryWriteError | undefined;
  /** Told once, when `failure` is set. */
  onFailure: (() => void) | undefined;
  readonly #fd: number;
  readonly #write: typeof writeSync;
  readonly #timer: NodeJS.Timeout;
  #dirty = false;
  #closed = false;

  private constructor(file: string, fd: number, write: typeof writeSync) {
    this.file = file;
    this.#fd = fd;
    this.#write = write;
    this.#timer = setInterval(() => this.#sync(), SYNC_MS);
    this.#timer.unref();
  }

  /**
   * Creates the file; its directory is made when it is missing.
   * @param write replaced in tests of a disk that is full
   * @throws HistoryWriteError, also when the file exists
   */
  static create(file: string, header: TransactionLogHeader, write: typeof writeSync = writeSync): TransactionLog {
    let log: TransactionLog;
    try {
      mkdirSync(dirname(file), { recursive: true });
      log = new TransactionLog(file, openSync(file, 'wx'), write);
    } catch (error) {
      throw new HistoryWriteError(file, error);
    }
    const times = { startedAt: new Date().toISOString(), clockMs: performance.now() };
    log.write({ format: FORMAT, version: VERSION, ...times, ...header });
    const { failure } = log;
    if (failure === undefined) return log;
    log.close();
    throw failure;
  }

  /** Appends a line. Returns false when it is not in the file. */
  write(line: Record<string, unknown>): boolean {
    if (this.failure !== undefined || this.#closed) return false;
    try {
      const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
      for (let at = 0; at < bytes.length;) at += this.#write(this.#fd, bytes, at);
      this.#dirty = true;
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    try {
      closeSync(this.#fd);
    } catch (error) {
      this.#fail(error);
    }
  }

  #sync(): void {
    if (!this.#dirty || this.failure !== undefined) return;
    this.#dirty = false;
    fdatasync(this.#fd, (error) => {
      if (error !== null && !this.#closed) this.#fail(error);
    });
  }

  #fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.failure = new HistoryWriteError(this.file, error);
    this.onFailure?.();
  }
}

const headerSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  workload: z.enum(['bank', 'list-append']),
  startedAt: z.string(),
  clockMs: z.number(),
  options: z.record(z.string(), z.unknown()),
  about: z.record(z.string(), z.unknown()).optional(),
});

/** The header of a stored run, as its first line has it. */
export type StoredHeader = z.infer<typeof headerSchema>;

/**
 * Reads a file line by line; a torn last line is cut.
 * @param onLine is given each line after the first; what it throws is reported with the offset of its line. Missing: only the
 * first line is read.
 * @throws HistoryError when the file is missing, is none of ours, or has a line that cannot be what was written
 */
export function readTransactionLog(file: string, onLine?: (line: unknown) => void): StoredHeader {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new HistoryError(file, undefined, 'cannot be read', { cause });
  }
  let header: StoredHeader | undefined;
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(10, start);
    // what was being written when the process was killed
    if (end < 0) break;
    try {
      const line: unknown = JSON.parse(bytes.toString('utf8', start, end));
      if (header === undefined) header = headerSchema.parse(line);
      else onLine?.(line);
    } catch (cause) {
      const why = cause instanceof z.ZodError ? z.prettifyError(cause) : cause instanceof Error ? cause.message : '';
      const what = header === undefined ? `is no history of transactions: ${why}` : `a line that cannot be: ${why}`;
      throw new HistoryError(file, start, what, { cause });
    }
    if (onLine === undefined) break;
    start = end + 1;
  }
  if (header === undefined) throw new HistoryError(file, 0, 'is no history of transactions: it has no complete line');
  return header;
}
