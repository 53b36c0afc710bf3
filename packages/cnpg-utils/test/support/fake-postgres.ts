import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { KeyPairPem } from '../../src/certificates.ts';

/** How far the fake server goes with a client. */
export type FakePostgresMode =
  | 'serve'
  | 'mute'
  | 'mute-after-tls-request'
  | 'error-after-tls-request'
  | 'mute-after-startup'
  | 'close-after-startup'
  | { error: string; message: string };

/**
 * Speaks just enough of PostgreSQL's protocol to be connected to, and then freezes, breaks or refuses on demand. It
 * proves how the client treats connections, and nothing about PostgreSQL.
 */
export class FakePostgres implements AsyncDisposable {
  readonly port: number;
  mode: FakePostgresMode = 'serve';
  /** Parameters of the last startup message. */
  startup: Record<string, string> = {};
  /** Texts of simple queries. They are never answered. */
  readonly queries: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(options: { tls?: KeyPairPem } = {}): Promise<FakePostgres> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fake = new FakePostgres(server);
    server.on('connection', (socket) => {
      fake.#serve(socket, options.tls);
    });
    return fake;
  }

  /** Sends every client the end that PostgreSQL sends when an administrator kills its backend. */
  killBackends(): void {
    for (const socket of this.#sockets) {
      socket.write(errorResponse('57P01', 'terminating connection due to administrator command'));
      socket.end();
    }
  }

  /** Leaves all connections open and never reads from them again, as a stopped process does. */
  freeze(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  cutConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #serve(socket: Socket, tls: KeyPairPem | undefined): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.mode === 'mute') return;
    socket.once('data', (data) => {
      if (data.length !== 8) {
        this.#startup(socket, data);
        return;
      }
      // An SSLRequest.
      if (this.mode === 'mute-after-tls-request') return;
      if (this.mode === 'error-after-tls-request') {
        socket.end('Ecould not fork new process for connection: Cannot allocate memory\n\0');
        return;
      }
      if (tls === undefined) {
        socket.write('N');
        socket.once('data', (next) => {
          this.#startup(socket, next);
        });
        return;
      }
      socket.write('S');
      const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(tls) });
      secure.on('error', () => {});
      secure.once('data', (next: Buffer) => {
        this.#startup(secure, next);
      });
    });
  }

  #startup(socket: Socket, data: Buffer): void {
    const words = data.subarray(8).toString().split('\0');
    this.startup = {};
    for (let i = 0; i + 1 < words.length; i += 2) this.startup[words[i] ?? ''] = words[i + 1] ?? '';
    const { mode } = this;
    if (mode === 'mute-after-startup') return;
    if (mode === 'close-after-startup') {
      socket.end();
      return;
    }
    if (typeof mode === 'object') {
      socket.end(errorResponse(mode.error, mode.message));
      return;
    }
    socket.write(Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))]));
    socket.on('data', (query) => {
      if (query[0] === 0x51) this.queries.push(query.subarray(5, -1).toString());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function errorResponse(code: string, text: string): Buffer {
  return message('E', Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${text}\0\0`));
}
