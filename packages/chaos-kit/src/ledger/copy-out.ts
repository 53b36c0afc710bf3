import type { Duplex } from 'node:stream';
import type pg from 'pg';

/** The part of the driver's protocol message that is read here. */
interface CommandCompleteMessage {
  readonly text: string;
}

/** Takes one row: the bytes of its line, newline included. */
export type OnRow = (bytes: Buffer, start: number, end: number) => void;

const COPY_DATA = 0x64;
const READY_FOR_QUERY = 0x5a;
const HEAD_BYTES = 5;
const SHORT_BYTES = 1024;
const NO_BYTES: Buffer = Buffer.alloc(0);

/** Streams that are read by a copy now. */
const copying = new WeakSet<Duplex>();

/** Whether bytes of a stream may be used again once its listeners have returned: a copy keeps none of them, the driver may. */
export function keepsNothing(stream: Duplex): boolean {
  return copying.has(stream);
}

/**
 * One `COPY … TO STDOUT` on an idle client. Rows are handed over as they arrive and not kept; the server sends exactly one
 * row per message. `done` resolves with their number when it is the one that the server reports, and rejects when the copy
 * was cut or came short.
 *
 * Rows are taken from the bytes of the socket, since the driver makes an object of each; every other message is left to it.
 */
export class CopyOut implements pg.Submittable {
  readonly done: Promise<number>;
  readonly #sql: string;
  readonly #onRow: OnRow;
  readonly #resolve: (rows: number) => void;
  readonly #reject: (error: Error) => void;
  #arrived = 0;
  #reported: number | undefined;

  constructor(sql: string, onRow: OnRow) {
    this.#sql = sql;
    this.#onRow = onRow;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    this.#takeRowsFrom(connection.stream);
    connection.query(this.#sql);
  }

  handleCommandComplete(message: CommandCompleteMessage): void {
    const count = /^COPY (\d+)$/.exec(message.text)?.[1];
    if (count !== undefined) this.#reported = Number(count);
  }

  handleReadyForQuery(): void {
    if (this.#reported === this.#arrived) this.#resolve(this.#arrived);
    else this.#reject(new Error(`${this.#arrived} rows of the copy arrived, the server reports ${this.#reported}`));
  }

  handleError(error: Error): void {
    this.#reject(error);
  }

  /** Stands between the socket and the driver until ReadyForQuery. */
  #takeRowsFrom(stream: Duplex): void {
    const driver = stream.listeners('data');
    stream.removeAllListeners('data');
    const pass = (bytes: Buffer): void => {
      for (const listener of driver) listener.call(stream, bytes);
    };
    let rest = NO_BYTES;
    const take = (chunk: Buffer): void => {
      // only the message that is in two pieces is put together, if it is as short as a row; the others stay where they are
      const joined = rest.length === 0 ? NO_BYTES : Buffer.concat([rest, chunk.subarray(0, SHORT_BYTES)]);
      const end = endOf(joined);
      if (joined.length > 0 && end <= joined.length) {
        const used = end - rest.length;
        rest = NO_BYTES;
        if (walk(joined.subarray(0, end), chunk.subarray(used))) return;
        walk(chunk.subarray(used), NO_BYTES);
      } else if (joined.length === 0) walk(chunk, NO_BYTES);
      else {
        const all = Buffer.concat([rest, chunk]);
        rest = NO_BYTES;
        walk(all, NO_BYTES);
      }
    };
    /** Takes whole messages; true at ReadyForQuery, with which `after` and everything else goes to the driver. */
    const walk = (bytes: Buffer, after: Buffer): boolean => {
      let at = 0;
      for (;;) {
        const end = endOf(bytes, at);
        if (end > bytes.length) break;
        const kind = bytes[at];
        if (kind === COPY_DATA) this.#row(bytes, at + HEAD_BYTES, end);
        else {
          if (kind === READY_FOR_QUERY) {
            copying.delete(stream);
            stream.off('data', take);
            for (const listener of driver) stream.on('data', (data) => void listener.call(stream, data));
            pass(Buffer.concat([bytes.subarray(at), after]));
            return true;
          }
          pass(bytes.subarray(at, end));
        }
        at = end;
      }
      // copied, so that the piece does not keep the whole
      if (at < bytes.length) rest = Buffer.from(bytes.subarray(at));
      return false;
    };
    copying.add(stream);
    stream.on('data', take);
  }

  #row(bytes: Buffer, start: number, end: number): void {
    this.#arrived++;
    try {
      this.#onRow(bytes, start, end);
    } catch (error) {
      this.#reject(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** Where the message that begins at `at` ends; beyond the end of the bytes when that is not known yet. */
function endOf(bytes: Buffer, at = 0): number {
  return at + HEAD_BYTES <= bytes.length ? at + 1 + bytes.readUInt32BE(at + 1) : Infinity;
}
