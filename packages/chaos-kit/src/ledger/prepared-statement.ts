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
 * the socket: bind, execute and sync at once, without a description of the row. Messages are strings of one character per
 * byte, which cost half of what buffers do. Parameters must be ASCII.
 */
export class PreparedStatement {
  readonly name: string;
  readonly text: string;
  readonly #parse: string;
  /** Of Bind: the unnamed portal, the statement, no format codes. */
  readonly #head: string;

  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
    this.#parse = message('P', `${name}\0${text}\0${int16(0)}`);
    this.#head = `\0${name}\0${int16(0)}`;
  }

  /** One execution, to be handed to the driver. */
  execution(values: readonly string[], settled: Settled): Execution {
    return new Execution(this, values, settled);
  }

  /** Messages of an execution on a connection. */
  messages(connection: pg.Connection, values: readonly string[]): string {
    const { parsedStatements } = connection as pg.Connection & Prepared;
    let parameters = '';
    for (const value of values) parameters += int32(value.length) + value;
    // no result formats: all of them are text
    const bound = message('B', this.#head + int16(values.length) + parameters + int16(0)) + EXECUTE_SYNC;
    return parsedStatements[this.name] === this.text ? bound : this.#parse + bound;
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
    stream.write(this.#statement.messages(connection, this.#values), 'latin1');
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

function message(type: string, body: string): string {
  return type + int32(4 + body.length) + body;
}

function int16(value: number): string {
  return String.fromCharCode(value >>> 8, value & 255);
}

function int32(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** Execute of the unnamed portal without a limit of rows, and Sync. */
const EXECUTE_SYNC = message('E', `\0${int32(0)}`) + message('S', '');
