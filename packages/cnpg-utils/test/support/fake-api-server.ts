import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer, type WebSocket } from 'ws';
import { makeTestCertificate } from './test-certificates.ts';

/** One request as it arrived. */
export interface SeenRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
}

type Handler = (request: SeenRequest, response: ServerResponse) => void;
type ExecHandler = (socket: WebSocket, request: SeenRequest) => void;

/**
 * A TLS server that speaks as much of the API server's transport as a test lets it. It proves how the client treats
 * connections, replies and their loss, and nothing about Kubernetes.
 */
export class FakeApiServer implements AsyncDisposable {
  readonly kubeconfig: string;
  readonly url: string;
  /** Requests in order of arrival. */
  readonly requests: SeenRequest[] = [];
  /** TLS connections that were opened. */
  connections = 0;
  /** Answers requests. Replace it in the middle of a test to change the server's mind. */
  handler: Handler = (_request, response) => {
    reply(response, 404, status(404, 'NotFound', 'nothing here'));
  };
  /** Answers exec calls. */
  execHandler: ExecHandler | undefined;
  /** Websocket protocols that the server knows. */
  execProtocols: string[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor(server: Server, port: number, ca: string) {
    this.#server = server;
    this.url = `https://127.0.0.1:${port}`;
    this.kubeconfig = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'c', cluster: { server: this.url, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
      ],
      users: [{ name: 'u', user: { token: 'secret-token' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
  }

  static async start(): Promise<FakeApiServer> {
    const certificate = makeTestCertificate(['localhost']);
    const server = createServer(certificate);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const fake = new FakeApiServer(server, (server.address() as AddressInfo).port, certificate.cert);
    const webSockets = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => fake.execProtocols.find((protocol) => offered.has(protocol)) ?? false,
    });
    server.on('secureConnection', (socket: TLSSocket) => {
      fake.connections++;
      fake.#remember(socket);
    });
    server.on('connection', (socket: Duplex) => {
      fake.#remember(socket);
    });
    server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const request = seen(incoming, Buffer.concat(chunks).toString());
        fake.requests.push(request);
        fake.handler(request, response);
      });
    });
    server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      const request = seen(incoming, '');
      fake.requests.push(request);
      const handler = fake.execHandler;
      if (handler === undefined) {
        const body = JSON.stringify(status(404, 'NotFound', 'pods "nobody" not found'));
        socket.end(
          `HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        );
        return;
      }
      webSockets.handleUpgrade(incoming, socket, head, (webSocket) => {
        handler(webSocket, request);
      });
    });
    return fake;
  }

  /** Resets every open connection, as a killed server does. */
  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #remember(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Sends a reply as JSON. */
export function reply(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** A `Status` object as the API server sends it with an error. */
export function status(code: number, reason: string, message: string, details?: unknown): Record<string, unknown> {
  return { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message, details };
}

/** A list of ConfigMaps by name and resource version, as the API server sends it. */
export function configMapList(resourceVersion: string, items: Record<string, string>): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMapList',
    metadata: { resourceVersion },
    items: Object.entries(items).map(([name, version]) => ({ metadata: configMapMeta(name, version) })),
  };
}

/** One line of a watch about a ConfigMap. */
export function watchLine(type: string, name: string, resourceVersion: string): string {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: configMapMeta(name, resourceVersion) };
  return `${JSON.stringify({ type, object })}\n`;
}

function configMapMeta(name: string, resourceVersion: string) {
  return { name, namespace: 'n', uid: `uid-of-${name}`, resourceVersion, creationTimestamp: '2026-01-02T03:04:05Z' };
}

function seen(incoming: IncomingMessage, body: string): SeenRequest {
  const url = new URL(incoming.url ?? '/', 'https://fake');
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body,
  };
}
