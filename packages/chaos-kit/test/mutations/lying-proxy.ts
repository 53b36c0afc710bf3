import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Address } from '../../src/ledger/index.ts';

/** What a proxy does to the messages of PostgreSQL's protocol. */
export interface ProxyTricks {
  /** Sees a whole statement of the client, from Bind to Sync; what it returns is sent to the server instead. */
  readonly onStatement?: (statement: Statement, connection: ProxyConnection) => Buffer | undefined;
  /** Sees the bytes of an answer; returns what the client gets. */
  readonly onAnswer?: (bytes: Buffer, connection: ProxyConnection) => Buffer;
}

/** A statement with parameters: the messages Bind, Describe, Execute and Sync of the extended protocol. */
export interface Statement {
  readonly bytes: Buffer;
  /** Parameters in text format. */
  readonly values: readonly (string | null)[];
}

/** One client with its server. */
export interface ProxyConnection {
  readonly client: Socket;
  readonly server: Socket;
}

const SYNC = 0x53;
const BIND = 0x42;
const HEADER = 5;

/** Stands between clients and a server and understands statements; on its own it forwards everything as it is. */
export class LyingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Replaced while it runs. */
  tricks: ProxyTricks = {};

  private constructor(upstream: Address) {
    this.#server = createServer((client) => this.#serve(client, upstream));
  }

  static async start(upstream: Address): Promise<LyingProxy> {
    const proxy = new LyingProxy(upstream);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    proxy.#server.once('error', reject);
    proxy.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    return proxy;
  }

  get address(): Address {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return { host: '127.0.0.1', port: address.port };
  }

  /** Breaks every connection. */
  breakAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.breakAll();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  #serve(client: Socket, { host, port }: Address): void {
    const server = connect(port, host);
    const connection = { client, server };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    let pending = Buffer.alloc(0);
    let greeted = false;
    client.on('data', (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      // the first message has no type
      if (!greeted && pending.length >= 4 && pending.length >= pending.readInt32BE(0)) {
        const length = pending.readInt32BE(0);
        server.write(pending.subarray(0, length));
        pending = pending.subarray(length);
        greeted = true;
      }
      if (greeted) pending = this.#forward(pending, connection);
    });
    server.on('data', (bytes) => client.write(this.tricks.onAnswer?.(bytes, connection) ?? bytes));
  }

  /** Forwards whole messages, those of a statement together; returns what is not complete yet. */
  #forward(bytes: Buffer, connection: ProxyConnection): Buffer<ArrayBuffer> {
    let done = 0;
    let values: (string | null)[] | undefined;
    for (let at = 0; at + HEADER <= bytes.length;) {
      const end = at + 1 + bytes.readInt32BE(at + 1);
      if (end > bytes.length) break;
      const type = bytes[at];
      if (type === BIND) values = parametersOf(bytes.subarray(at + HEADER, end));
      at = end;
      if (type !== SYNC && values !== undefined) continue;
      const whole = bytes.subarray(done, end);
      const instead =
        values === undefined ? whole : (this.tricks.onStatement?.({ bytes: whole, values }, connection) ?? whole);
      if (instead.length > 0) connection.server.write(instead);
      done = end;
      values = undefined;
    }
    return Buffer.from(bytes.subarray(done));
  }
}

/** The parameters of a Bind message. */
function parametersOf(body: Buffer): (string | null)[] {
  let at = body.indexOf(0) + 1;
  at = body.indexOf(0, at) + 1;
  at += 2 + 2 * body.readInt16BE(at);
  const count = body.readInt16BE(at);
  at += 2;
  return Array.from({ length: count }, () => {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return body.toString('utf8', at - length, at);
  });
}

/** The same statement with another parameter. */
export function withValue({ bytes }: Statement, index: number, value: string): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    const message = bytes.subarray(at, end);
    parts.push(message[0] === BIND ? rebind(message, index, value) : message);
    at = end;
  }
  return Buffer.concat(parts);
}

function rebind(message: Buffer, index: number, value: string): Buffer {
  let at = message.indexOf(0, HEADER) + 1;
  at = message.indexOf(0, at) + 1;
  at += 2 + 2 * message.readInt16BE(at) + 2;
  for (let i = 0; i < index; i++) at += 4 + Math.max(0, message.readInt32BE(at));
  const after = at + 4 + Math.max(0, message.readInt32BE(at));
  const length = Buffer.alloc(4);
  length.writeInt32BE(Buffer.byteLength(value));
  const changed = Buffer.concat([message.subarray(0, at), length, Buffer.from(value), message.subarray(after)]);
  changed.writeInt32BE(changed.length - 1, 1);
  return changed;
}

/** Whether an answer is complete: it ends with ReadyForQuery. */
export function ready(bytes: Buffer): boolean {
  return bytes.length >= 6 && bytes[bytes.length - 6] === 0x5a && bytes.readInt32BE(bytes.length - 5) === 5;
}
