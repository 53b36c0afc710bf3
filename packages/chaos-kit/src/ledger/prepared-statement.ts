import type pg from 'pg';
import { countOfTag } from './plain-answer.ts';
import type { Executed } from './plain-answer.ts';

/** The parts of the driver's protocol messages that are read here. */
interface DataRowMessage {
  readonly fields: (string | null)[];
}
interface CommandCompleteMessage {
  readonly text: string;
}
/** What the driver keeps of a connection besides what its types tell. */
interface Prepared {
  readonly parsedStatements: Record<string, string | undefined>;
}

/**
 * A named statement with parameters of text, prepared by its first execution on a connection. One execution is one write to
 * the socket: bind, execute and sync in one buffer, without a description of the row. Parameters must be ASCII.
 */
export class PreparedStatement {
  readonly name: string;
  readonly text: string;
  readonly #parse: Buffer;

  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
    this.#parse = message('P', `${name}\0${text}\0`, 2);
  }

  /** One execution, to be handed to the driver. */
  execution(values: readonly string[], settled: Settled): Execution {
    return new Execution(this, values, settled);
  }

  /** Bytes of an execution on a connection. */
  bytes(connection: pg.Connection, values: readonly string[]): Buffer {
    const { parsedStatements } = connection as pg.Connection & Prepared;
    const bound = this.#bind(values);
    return parsedStatements[this.name] === this.text ? bound : Buffer.concat([this.#parse, bound]);
  }

  #bind(values: readonly string[]): Buffer {
    // B: length, portal, statement, no format codes, parameters with their lengths, no result formats; then E and S
    let length = 4 + 1 + this.name.length + 1 + 2 + 2 + 2;
    for (const value of values) length += 4 + value.length;
    const bytes = Buffer.allocUnsafe(1 + length + EXECUTE_SYNC.length);
    bytes[0] = 0x42;
    let at = bytes.writeUInt32BE(length, 1);
    bytes[at++] = 0;
    at += bytes.write(this.name, at, 'latin1');
    bytes[at++] = 0;
    at = bytes.writeUInt16BE(0, at);
    at = bytes.writeUInt16BE(values.length, at);
    for (const value of values) {
      at = bytes.writeUInt32BE(value.length, at);
      at += bytes.write(value, at, 'latin1');
    }
    at = bytes.writeUInt16BE(0, at);
    EXECUTE_SYNC.copy(bytes, at);
    return bytes;
  }
}

/** Told once: at ReadyForQuery, when the implicit commit is done, or with the error that came instead. */
export type Settled = (execution: Execution, error: Error | undefined) => void;

const NONE: Executed = { row: [], count: 0 };

/** One execution of a prepared statement. */
export class Execution implements pg.Submittable {
  /** Read by the driver, to remember what has been prepared. */
  readonly name: string;
  readonly text: string;
  /** The bytes were handed to the socket. */
  sent = false;
  /** What came back until now. */
  executed = NONE;
  readonly #statement: PreparedStatement;
  readonly #values: readonly string[];
  readonly #settled: Settled;

  constructor(statement: PreparedStatement, values: readonly string[], settled: Settled) {
    this.name = statement.name;
    this.text = statement.text;
    this.#statement = statement;
    this.#values = values;
    this.#settled = settled;
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection;
    // what cannot be written any more is told by the end of the connection
    if (!stream.writable) return;
    this.sent = true;
    stream.write(this.#statement.bytes(connection, this.#values));
  }

  handleDataRow({ fields }: DataRowMessage): void {
    if (this.executed === NONE) this.executed = { row: fields, count: 0 };
  }

  handleCommandComplete({ text }: CommandCompleteMessage): void {
    this.executed = { row: this.executed.row, count: countOfTag(text) };
  }

  handleReadyForQuery(): void {
    this.#settled(this, undefined);
  }

  handleError(error: Error): void {
    this.#settled(this, error);
  }
}

function message(type: string, text: string, zeros: number): Buffer {
  const body = Buffer.from(text, 'latin1');
  const bytes = Buffer.alloc(1 + 4 + body.length + zeros);
  bytes.write(type, 'latin1');
  bytes.writeUInt32BE(4 + body.length + zeros, 1);
  body.copy(bytes, 5);
  return bytes;
}

/** Execute of the unnamed portal without a limit of rows, and Sync. */
const EXECUTE_SYNC = Buffer.concat([message('E', '\0', 4), message('S', '', 0)]);
