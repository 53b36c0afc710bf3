import type { RequestOptions } from 'node:https';
import { Readable, Writable } from 'node:stream';
import type { V1Status } from '@kubernetes/client-node';
import { WebSocket } from 'ws';
import { timeouts } from '../timeouts.ts';
import type { KubeClient } from './client.ts';
import { errorFromReply, UnreachableError } from './errors.ts';
import { execUrl, exitCodeOf, type ExecTarget } from './exec.ts';
import { describeExec } from './exec-errors.ts';
import { describeNetworkError } from './transport.ts';

/** A command in a container whose input and output stay open. */
export interface ExecStream {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** How it ended, in words; never rejects. Whether the command still runs when the connection was lost is unknown. */
  readonly ended: Promise<string>;
  /** Drops the connection. */
  close(): void;
}

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const MAX_STDERR = 2000;

/**
 * Starts a command in a container, without a shell, to talk to it. Resolves when the API server has accepted.
 *
 * @param options.timeoutMs limit of connecting. @default 30000
 * @throws KubeError when the API server refuses or does not answer
 */
export async function execStream(
  kube: KubeClient,
  target: ExecTarget,
  command: readonly string[],
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<ExecStream> {
  const { signal, timeoutMs = timeouts.exec } = options;
  signal?.throwIfAborted();
  const connection: RequestOptions = {};
  await kube.config.applyToHTTPSOptions(connection);
  const socket = new WebSocket(execUrl(kube.server, target, command, true), PROTOCOLS, {
    ...connection,
    perMessageDeflate: false,
    handshakeTimeout: timeoutMs,
  });
  const drop = (): void => socket.terminate();
  signal?.addEventListener('abort', drop, { once: true });
  try {
    await opened(socket, `exec ${describeExec(target, command)}`);
  } finally {
    signal?.removeEventListener('abort', drop);
  }
  return streamsOf(socket);
}

function opened(socket: WebSocket, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', (error) => {
      reject(new UnreachableError(`${what}: ${describeNetworkError(error)}`, { cause: error }));
    });
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('close', () => {
        reject(errorFromReply(what, response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
        socket.terminate();
      });
    });
  });
}

function streamsOf(socket: WebSocket): ExecStream {
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  let stderr = '';
  const stdout = new Readable({ read: () => undefined });
  const stdin = new Writable({
    write(chunk: Buffer, _encoding, done) {
      // a connection that is gone is told by `ended`
      socket.send(Buffer.concat([Buffer.of(STDIN), chunk]), () => done());
    },
  });
  let done = false;
  const end = (why: string): void => {
    if (done) return;
    done = true;
    resolve(stderr === '' ? why : `${why}: ${stderr.trim()}`);
    stdout.push(null);
    socket.terminate();
  };
  socket.on('message', (data: Buffer) => {
    if (done) return;
    const payload = data.subarray(1);
    if (data[0] === STDOUT && payload.length > 0) stdout.push(payload);
    else if (data[0] === STDERR) stderr = `${stderr}${payload.toString('utf8')}`.slice(-MAX_STDERR);
    else if (data[0] === STATUS) end(describeStatus(payload.toString('utf8')));
  });
  socket.on('error', (error) => end(describeNetworkError(error)));
  socket.on('close', (code) => end(`the connection closed (${code})`));
  return { stdin, stdout, ended, close: () => end('closed') };
}

function describeStatus(text: string): string {
  try {
    const status = JSON.parse(text) as V1Status;
    const code = exitCodeOf(status);
    return code === undefined ? (status.message ?? 'the command could not be started') : `exit code ${code}`;
  } catch {
    return text.slice(0, 200);
  }
}
