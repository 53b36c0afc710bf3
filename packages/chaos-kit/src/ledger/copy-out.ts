import type pg from 'pg';

/** The parts of the driver's protocol messages that are read here. */
interface CopyDataMessage {
  readonly chunk: Buffer;
}
interface CommandCompleteMessage {
  readonly text: string;
}

/**
 * One `COPY … TO STDOUT` on an idle client. Rows are handed over as they arrive and not kept; the server sends exactly one
 * row per message. `done` resolves with their number when it is the one that the server reports, and rejects when the copy
 * was cut or came short.
 */
export class CopyOut implements pg.Submittable {
  readonly done: Promise<number>;
  readonly #sql: string;
  readonly #onRow: (row: Buffer) => void;
  #resolve: (rows: number) => void;
  #reject: (error: Error) => void;
  #arrived = 0;
  #reported: number | undefined;

  constructor(sql: string, onRow: (row: Buffer) => void) {
    this.#sql = sql;
    this.#onRow = onRow;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql);
  }

  handleCopyData(message: CopyDataMessage): void {
    this.#arrived++;
    try {
      this.#onRow(message.chunk);
    } catch (error) {
      this.#reject(error instanceof Error ? error : new Error(String(error)));
    }
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
}
