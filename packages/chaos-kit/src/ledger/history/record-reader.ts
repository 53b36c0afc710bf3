import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { NO_ORIGIN, completionSlot } from '../completions.ts';
import type { CompletionPager, CompletionSlot } from '../completions.ts';
import { BLANK, HISTORY_FILES, HISTORY_FORMAT, RecordBlock, decodeHeader } from './format.ts';
import type { HistoryHeader, HistoryRecord, HistoryState } from './format.ts';
import { HistoryError } from './history-error.ts';

/** What to do after a record: go on, stop before it because it and all that follows cannot be used (yet), or give up since it cannot be right. */
export type Answer = undefined | 'cut' | { readonly wrong: string };

const BLOCK_RECORDS = 4096;

/** Reads the records of a history in order, also while it grows. */
export class RecordReader implements Disposable {
  readonly header: HistoryHeader;
  /** How the run had ended when the file was opened. */
  readonly state: HistoryState;
  readonly #path: string;
  readonly #fd: number;
  readonly #block = new RecordBlock(BLOCK_RECORDS);
  readonly #record = { ...BLANK };
  #index = 0;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
    const { headerBytes } = HISTORY_FORMAT;
    const head = Buffer.alloc(headerBytes);
    const header = decodeHeader(head.subarray(0, readSync(fd, head, 0, headerBytes, 0)));
    if ('message' in header) throw new HistoryError(path, header.offset, header.message);
    const { state, ...facts } = header;
    this.state = state;
    this.header = facts;
  }

  /** @throws HistoryError for a file that is missing, foreign or of another version. */
  static open(dir: string): RecordReader {
    const path = join(dir, HISTORY_FILES.records);
    const fd = open(path);
    try {
      return new RecordReader(path, fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Number of the record that comes next. */
  get index(): number {
    return this.#index;
  }

  /** Bytes behind what was read. */
  get cutBytes(): number {
    return fstatSync(this.#fd).size - offsetOf(this.#index);
  }

  /**
   * Visits whole records until there is none any more or one is cut. The record object is used again for the next one.
   * Returns how many there were. `most` bounds them. @throws HistoryError for a record that the visitor calls wrong.
   */
  read(visit: (record: HistoryRecord) => Answer, most = Infinity): number {
    const whole = Math.min(this.#whole(), this.#index + most);
    const begin = this.#index;
    while (this.#index < whole) {
      const count = this.#load(this.#index, whole);
      for (let slot = 0; slot < count; slot++) {
        if (!this.#block.valid(slot, this.#index)) return this.#index - begin;
        this.#block.get(slot, this.#record);
        const answer = visit(this.#record);
        if (answer === 'cut') return this.#index - begin;
        if (answer !== undefined) throw new HistoryError(this.#path, offsetOf(this.#index), answer.wrong);
        this.#index++;
      }
      if (count === 0) break;
    }
    return this.#index - begin;
  }

  /** A bad record with nothing good behind it is the torn end of a crash; with good ones behind it, somebody changed it. @throws HistoryError */
  assertTornEnd(): void {
    const whole = this.#whole();
    if (this.#index >= whole) return;
    this.#load(this.#index, whole);
    if (this.#block.valid(0, this.#index)) return;
    for (let index = this.#index + 1; index < whole;) {
      const count = this.#load(index, whole);
      for (let slot = 0; slot < count; slot++) {
        if (!this.#block.valid(slot, index + slot)) continue;
        const message = `record ${this.#index} does not match its check sum, while record ${index + slot} does: the file was changed after it was written`;
        throw new HistoryError(this.#path, offsetOf(this.#index), message);
      }
      if (count === 0) return;
      index += count;
    }
  }

  /** Lets completions of statements of `batch` writes be read again, by a file handle of its own. */
  pager(batch: number): CompletionPager {
    const path = this.#path;
    let block: RecordBlock | undefined;
    return {
      position: () => this.#index,
      read(position, count, push) {
        const fd = open(path);
        try {
          block ??= new RecordBlock(BLOCK_RECORDS);
          const record = { ...BLANK };
          const completion = completionSlot();
          let left = count;
          for (let index = position; left > 0;) {
            const loaded = load(fd, block, index, BLOCK_RECORDS);
            for (let slot = 0; slot < loaded && left > 0; slot++) {
              block.get(slot, record);
              if (!readCompletion(record, batch, completion)) continue;
              push(completion);
              left--;
            }
            if (loaded === 0) throw new HistoryError(path, offsetOf(index), 'has become shorter while it was read');
            index += loaded;
          }
        } finally {
          closeSync(fd);
        }
      },
    };
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #whole(): number {
    const { headerBytes, recordBytes } = HISTORY_FORMAT;
    return Math.floor((fstatSync(this.#fd).size - headerBytes) / recordBytes);
  }

  #load(index: number, whole: number): number {
    return load(this.#fd, this.#block, index, Math.min(BLOCK_RECORDS, whole - index));
  }
}

/** Reads the completion that a record tells of, if it does, into `into`; `count` is its number of writes. */
export function readCompletion(it: HistoryRecord, count: number, into: CompletionSlot): boolean {
  const { kind } = it;
  const acknowledged = kind === 'ok' || kind === 'ok-weak';
  if (!acknowledged && kind !== 'fail' && kind !== 'info') return false;
  into.writer = it.writer;
  into.seq = it.seq;
  into.count = count;
  into.outcome = kind;
  into.endMs = it.atMs;
  into.sentMs = it.atMs - it.serviceMs;
  into.dueMs = into.sentMs - it.queueMs;
  into.origin = acknowledged ? it.origin : NO_ORIGIN;
  into.lsn = acknowledged ? it.lsn : 0;
  return true;
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new HistoryError(path, undefined, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function offsetOf(index: number): number {
  return HISTORY_FORMAT.headerBytes + index * HISTORY_FORMAT.recordBytes;
}

/** Loads whole records, at most `most`; returns how many there were. */
function load(fd: number, block: RecordBlock, index: number, most: number): number {
  const { recordBytes } = HISTORY_FORMAT;
  const wanted = most * recordBytes;
  let got = 0;
  while (got < wanted) {
    const bytes = readSync(fd, block.bytes, got, wanted - got, offsetOf(index) + got);
    if (bytes === 0) break;
    got += bytes;
  }
  return Math.floor(got / recordBytes);
}
