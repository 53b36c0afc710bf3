import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Address } from '../../src/ledger/index.ts';

/** Stands between clients and a server and can cut one direction, without either side being told. */
export class TcpRelay implements AsyncDisposable {
  /** What the server says is dropped while it is set. */
  dropReplies = false;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  private constructor(target: () => Address) {
    this.#server = createServer((client) => {
      const { host, port } = target();
      const upstream = connect(port, host);
      const pair = [client, upstream] as const;
      this.#pairs.add(pair);
      for (const socket of pair) socket.on('error', () => undefined);
      client.on('data', (bytes) => upstream.write(bytes));
      upstream.on('data', (bytes) => {
        if (!this.dropReplies) client.write(bytes);
      });
      client.on('close', () => {
        upstream.destroy();
        this.#pairs.delete(pair);
      });
      upstream.on('close', () => {
        if (!this.dropReplies) client.destroy();
      });
    });
  }

  static async start(target: () => Address): Promise<TcpRelay> {
    const relay = new TcpRelay(target);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get address(): Address {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  /** Resets every connection of a client; the server is told nothing and goes on with what it was asked. */
  resetClients(): void {
    for (const [client] of this.#pairs) client.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
