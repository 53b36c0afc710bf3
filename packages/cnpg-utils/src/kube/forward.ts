import type { IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { V1Pod } from '@kubernetes/client-node';
import { WebSocket } from 'ws';
import type { KubeClient } from './client.ts';
import { errorFromReply, UnreachableError } from './errors.ts';
import type { CallOptions } from './refs.ts';
import { describeNetworkError } from './transport.ts';
import { websocketUrl } from './websocket-url.ts';

/** Where a forward leads. */
export interface ForwardTarget {
  namespace: string;
  pod: string;
  port: number;
  /** The pod must still have this UID whenever a connection is opened. @default that of the pod at the beginning */
  uid?: string;
}

/** A connection through a forward could not be opened, or was lost. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError';
  readonly code = 'KUBE_FORWARD';
}

/** A port of this machine that leads to one of a pod, until it is closed. */
export interface Forward extends AsyncDisposable {
  readonly host: '127.0.0.1';
  /** Port on this machine. */
  readonly port: number;
  /** Why connections through it were cut, in order. A client sees only that its connection was reset. */
  readonly failures: readonly Error[];
  /** Cuts all connections and takes no more. */
  close(): Promise<void>;
}

/** Options of {@link openForward}. */
export interface ForwardOptions extends CallOptions {
  /** Time for opening each connection, in milliseconds. @default 10000 */
  connectTimeoutMs?: number;
  /**
   * Cuts a connection when the API server has not answered a ping for this many milliseconds. It says nothing about the
   * way from there to the pod: clients need time limits of their own. @default 15000
   */
  silenceMs?: number;
  /** Called with each of `failures`. */
  onFailure?: (error: Error) => void;
}

const DATA = 0;
const ERROR = 1;
// The older of two protocols, and the one that every server has which can be asked over a WebSocket.
const PROTOCOL = 'v4.channel.k8s.io';
const HIGH_WATER_BYTES = 1024 * 1024;

/**
 * Forwards a local port to a pod, over a WebSocket per connection. When the pod or its container ends, or another pod has
 * its name, connections are cut with a reset and `failures` says why: nothing hangs, and nobody is led to another pod.
 *
 * It goes through the API server and the kubelet and breaks together with them: do not measure through it.
 *
 * @throws NotFoundError when there is no such pod; ForwardError when it has another UID
 * @throws KubeError when the API server does not answer
 */
export async function openForward(
  kube: KubeClient,
  target: ForwardTarget,
  options: ForwardOptions = {},
): Promise<Forward> {
  const { signal } = options;
  const uid = await uidOf(kube, target, options);
  const tunnels = new Tunnels(kube, { ...target, uid }, options);
  const server = createServer({ pauseOnConnect: true }, (socket) => tunnels.open(socket));
  await listen(server);
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    const closed = new Promise((resolve) => server.close(resolve));
    tunnels.closeAll();
    await closed;
  };
  const onAbort = (): void => void close();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) {
    await close();
    signal.throwIfAborted();
  }
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    failures: tunnels.failures,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function uidOf(kube: KubeClient, target: ForwardTarget, options: CallOptions): Promise<string> {
  const { namespace, pod: name } = target;
  const call = {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
  const { metadata } = await kube.get<V1Pod>({ apiVersion: 'v1', kind: 'Pod', namespace, name }, call);
  const uid = metadata?.uid ?? '';
  if (target.uid !== undefined && uid !== target.uid) {
    throw new ForwardError(`forward to ${describe(target)}: the pod has UID ${uid} now, not ${target.uid}`);
  }
  return uid;
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}

class Tunnels {
  readonly failures: Error[] = [];
  readonly #kube: KubeClient;
  readonly #target: ForwardTarget & { uid: string };
  readonly #options: ForwardOptions;
  readonly #open = new Set<() => void>();
  #closed = false;

  constructor(kube: KubeClient, target: ForwardTarget & { uid: string }, options: ForwardOptions) {
    this.#kube = kube;
    this.#target = target;
    this.#options = options;
  }

  open(socket: Socket): void {
    socket.on('error', () => {});
    this.#tunnel(socket).catch((error: unknown) => {
      socket.resetAndDestroy();
      if (!this.#closed) this.#failed(error instanceof Error ? error : new Error(String(error)));
    });
  }

  closeAll(): void {
    this.#closed = true;
    for (const cut of this.#open) cut();
  }

  #failed(error: Error): void {
    this.failures.push(error);
    this.#options.onFailure?.(error);
  }

  async #tunnel(socket: Socket): Promise<void> {
    const { connectTimeoutMs = 10_000, silenceMs = 15_000 } = this.#options;
    const abort = new AbortController();
    const cut = (): void => abort.abort(new ForwardError(`forward to ${describe(this.#target)}: closed`));
    this.#open.add(cut);
    socket.once('close', cut);
    try {
      // The name may be another pod's by now, which a forward would not notice.
      await uidOf(this.#kube, this.#target, { signal: abort.signal, timeoutMs: connectTimeoutMs });
      const connection: RequestOptions = {};
      await this.#kube.config.applyToHTTPSOptions(connection);
      abort.signal.throwIfAborted();
      const { namespace, pod, port } = this.#target;
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/portforward`;
      const url = websocketUrl(this.#kube.server, path, [['ports', String(port)]]);
      const webSocket = new WebSocket(url, [PROTOCOL], {
        ...connection,
        perMessageDeflate: false,
        handshakeTimeout: connectTimeoutMs,
      });
      await pipe(webSocket, socket, { what: describe(this.#target), silenceMs, signal: abort.signal });
      socket.end();
    } catch (error) {
      // The client has gone by itself; that is no failure.
      if (abort.signal.aborted && socket.destroyed) return;
      throw error;
    } finally {
      this.#open.delete(cut);
      socket.off('close', cut);
    }
  }
}

/** Carries bytes both ways until one side ends. Rejects when it was not the client that ended it. */
function pipe(
  webSocket: WebSocket,
  socket: Socket,
  o: { what: string; silenceMs: number; signal: AbortSignal },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const lost = (problem: string, cause?: unknown): void => {
    reject(new ForwardError(`forward to ${o.what}: ${problem}`, cause === undefined ? undefined : { cause }));
  };
  // The first message of each channel repeats the port.
  const begun = new Set<number>();
  let heardMs = performance.now();
  const pinger = setInterval(() => {
    // Until it is open, the limit is that of the handshake.
    if (webSocket.readyState !== WebSocket.OPEN) return;
    if (performance.now() - heardMs > o.silenceMs) lost(`the API server has been silent for ${o.silenceMs} ms`);
    else webSocket.ping();
  }, o.silenceMs / 3);
  webSocket.on('pong', () => (heardMs = performance.now()));
  webSocket.on('open', () => {
    heardMs = performance.now();
    socket.resume();
  });
  webSocket.on('message', (data: Buffer) => {
    heardMs = performance.now();
    const channel = data[0] ?? -1;
    const payload = begun.has(channel) ? data.subarray(1) : data.subarray(3);
    begun.add(channel);
    if (payload.length === 0) return;
    if (channel === ERROR) lost(payload.toString('utf8').trim());
    else if (channel === DATA && !socket.write(payload)) webSocket.pause();
  });
  webSocket.on('unexpected-response', (_request, response: IncomingMessage) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('close', () => {
      reject(errorFromReply(`forward to ${o.what}`, response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
    });
  });
  webSocket.on('error', (error) => {
    if (webSocket.readyState === WebSocket.CONNECTING) {
      reject(new UnreachableError(`forward to ${o.what}: ${describeNetworkError(error)}`, { cause: error }));
    } else lost(describeNetworkError(error), error);
  });
  webSocket.on('close', (code) => {
    // The server in the pod has closed its connection: so does the one of its client end.
    if (code === 1000) resolve();
    else lost(`the connection to the pod ended (${code})`);
  });
  socket.on('drain', () => webSocket.resume());
  socket.on('data', (chunk: Buffer) => {
    webSocket.send(Buffer.concat([Buffer.of(DATA), chunk]), () => {
      if (webSocket.bufferedAmount < HIGH_WATER_BYTES) socket.resume();
    });
    if (webSocket.bufferedAmount >= HIGH_WATER_BYTES) socket.pause();
  });
  // The protocol cannot say that one direction has ended: the other one is given up with it.
  socket.on('end', () => resolve());
  socket.on('close', () => resolve());
  const onAbort = (): void => reject(o.signal.reason);
  o.signal.addEventListener('abort', onAbort, { once: true });
  return promise.finally(() => {
    clearInterval(pinger);
    o.signal.removeEventListener('abort', onAbort);
    if (webSocket.readyState === WebSocket.OPEN) webSocket.close(1000);
    const reaper = setTimeout(() => webSocket.terminate(), 1_000);
    reaper.unref();
    webSocket.once('close', () => clearTimeout(reaper));
  });
}

function describe({ namespace, pod, port }: ForwardTarget): string {
  return `${namespace}/${pod}:${port}`;
}
