import type { IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { V1Status } from '@kubernetes/client-node';
import { WebSocket } from 'ws';
import { abortReason } from '../signals.ts';
import { timeouts } from '../timeouts.ts';
import type { KubeClient } from './client.ts';
import { errorFromReply, UnreachableError } from './errors.ts';
import {
  describeExec,
  ExecConnectionLostError,
  ExecFailedError,
  ExecOutputLimitError,
  ExecStartError,
  ExecTimeoutError,
} from './exec-errors.ts';
import { describeNetworkError } from './transport.ts';
import { websocketUrl } from './websocket-url.ts';

/** Where a command runs. */
export interface ExecTarget {
  namespace: string;
  pod: string;
  /** Needed when the pod has more than one container. */
  container?: string;
}

/** Options of {@link exec}. */
export interface ExecOptions {
  /** Sent to the command's standard input, which is then closed. Without it the command has none. */
  stdin?: string | Buffer;
  /** Time limit of the whole call in milliseconds, connecting included. @default 30000 */
  timeoutMs?: number;
  /** Ends the call early. It rejects with the signal's reason; the command may go on in the container. */
  signal?: AbortSignal;
  /** Most bytes of output to keep, stdout and stderr together. @default 16 MiB */
  maxOutputBytes?: number;
}

/** What a command that ran to its end left. */
export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const CLOSE = 255;
const V5 = 'v5.channel.k8s.io';
const PROTOCOLS = [V5, 'v4.channel.k8s.io'];

/**
 * Runs a command in a container, without a shell, and waits for its end. The pod need not be ready. An exit code other
 * than 0 is a result, not an error; see {@link execOk}.
 *
 * @throws ExecTimeoutError, ExecConnectionLostError, ExecStartError, ExecOutputLimitError
 * @throws KubeError when the API server refuses or does not answer
 */
export async function exec(
  kube: KubeClient,
  target: ExecTarget,
  command: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  options.signal?.throwIfAborted();
  const connection: RequestOptions = {};
  await kube.config.applyToHTTPSOptions(connection);
  options.signal?.throwIfAborted();
  const call = new ExecCall(kube, target, command, options, connection);
  return await call.result;
}

/**
 * Like {@link exec}, but an exit code other than 0 is an error.
 *
 * @throws ExecFailedError with exit code and output
 */
export async function execOk(
  kube: KubeClient,
  target: ExecTarget,
  command: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const result = await exec(kube, target, command, options);
  if (result.exitCode !== 0) throw new ExecFailedError(target, command, result.exitCode, result);
  return result;
}

class ExecCall {
  readonly result: Promise<ExecResult>;
  readonly #target: ExecTarget;
  readonly #command: readonly string[];
  readonly #options: ExecOptions;
  readonly #socket: WebSocket;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  readonly #settle: { resolve: (result: ExecResult) => void; reject: (error: Error) => void };
  readonly #cleanUp: () => void;
  #bytes = 0;
  #opened = false;
  #done = false;

  constructor(
    kube: KubeClient,
    target: ExecTarget,
    command: readonly string[],
    options: ExecOptions,
    connection: RequestOptions,
  ) {
    this.#target = target;
    this.#command = command;
    this.#options = options;
    const { promise, resolve, reject } = Promise.withResolvers<ExecResult>();
    this.result = promise;
    this.#settle = { resolve, reject };

    const timeoutMs = options.timeoutMs ?? timeouts.exec;
    const timer = setTimeout(() => {
      this.#fail(
        new ExecTimeoutError(target, command, `not finished after ${timeoutMs} ms, it may still run`, this.#output()),
      );
    }, timeoutMs);
    const onAbort = () => {
      this.#fail(abortReason(options.signal));
    };
    options.signal?.addEventListener('abort', onAbort, { once: true });
    this.#cleanUp = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    };

    this.#socket = new WebSocket(execUrl(kube.server, target, command, options.stdin !== undefined), PROTOCOLS, {
      ...connection,
      perMessageDeflate: false,
    });
    this.#socket.on('open', () => {
      this.#opened = true;
      this.#sendStdin();
    });
    this.#socket.on('message', (data: Buffer) => {
      this.#receive(data);
    });
    this.#socket.on('unexpected-response', (_request, response) => {
      void this.#refused(response);
    });
    this.#socket.on('error', (error) => {
      this.#lost(describeNetworkError(error), error);
    });
    this.#socket.on('close', (code, reason) => {
      const why = reason.length > 0 ? `: ${reason.toString()}` : '';
      this.#lost(`the connection closed (${code}${why}) before the exit code came`);
    });
  }

  #sendStdin(): void {
    const { stdin } = this.#options;
    if (stdin === undefined) return;
    if (this.#socket.protocol !== V5) {
      // Older protocols cannot say that the input is over: the command would wait forever.
      this.#fail(
        new ExecStartError(
          this.#target,
          this.#command,
          `standard input needs protocol ${V5} (Kubernetes 1.30 or newer), the server offers ${this.#socket.protocol}`,
          this.#output(),
        ),
      );
      return;
    }
    const bytes = typeof stdin === 'string' ? Buffer.from(stdin) : stdin;
    const chunkSize = 32 * 1024;
    for (let start = 0; start < bytes.length; start += chunkSize) {
      this.#socket.send(Buffer.concat([Buffer.of(STDIN), bytes.subarray(start, start + chunkSize)]));
    }
    this.#socket.send(Buffer.of(CLOSE, STDIN));
  }

  #receive(data: Buffer): void {
    if (this.#done || data.length === 0) return;
    const channel = data[0];
    const payload = data.subarray(1);
    if (channel === STDOUT) this.#keep(this.#stdout, payload);
    else if (channel === STDERR) this.#keep(this.#stderr, payload);
    else if (channel === STATUS) this.#finish(payload.toString('utf8'));
  }

  #keep(chunks: Buffer[], payload: Buffer): void {
    const limit = this.#options.maxOutputBytes ?? 16 * 1024 * 1024;
    this.#bytes += payload.length;
    if (this.#bytes > limit) {
      const problem = `more than ${limit} bytes of output, it may still run`;
      this.#fail(new ExecOutputLimitError(this.#target, this.#command, problem, this.#output()));
      return;
    }
    chunks.push(payload);
  }

  #finish(text: string): void {
    let status: V1Status;
    try {
      status = JSON.parse(text) as V1Status;
    } catch (error) {
      this.#lost(`the end of the command was reported as ${text.slice(0, 200)}`, error);
      return;
    }
    const exitCode = exitCodeOf(status);
    if (exitCode === undefined) {
      // The API server wraps the kubelet's error, and that the runtime's, with the same words.
      const message = status.message?.replace(/^(?:Internal error occurred: )+/, '');
      const problem = message ?? status.reason ?? 'the command could not be started';
      this.#fail(new ExecStartError(this.#target, this.#command, problem, this.#output()));
      return;
    }
    if (!this.#end()) return;
    this.#socket.close(1000);
    // A peer that does not answer the close must not keep the process alive.
    const reaper = setTimeout(() => {
      this.#socket.terminate();
    }, 1_000);
    reaper.unref();
    this.#socket.on('close', () => {
      clearTimeout(reaper);
    });
    this.#settle.resolve({ exitCode, ...this.#output() });
  }

  async #refused(response: IncomingMessage): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      // The status line says enough.
    }
    const what = `exec ${describeExec(this.#target, this.#command)}`;
    this.#fail(errorFromReply(what, response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
  }

  #lost(problem: string, cause?: unknown): void {
    if (!this.#opened) {
      this.#fail(new UnreachableError(`exec ${describeExec(this.#target, this.#command)}: ${problem}`, { cause }));
      return;
    }
    this.#fail(new ExecConnectionLostError(this.#target, this.#command, problem, this.#output(), cause));
  }

  #fail(error: Error): void {
    if (!this.#end()) return;
    this.#socket.terminate();
    this.#settle.reject(error);
  }

  #end(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#cleanUp();
    return true;
  }

  #output(): { stdout: string; stderr: string } {
    return {
      stdout: Buffer.concat(this.#stdout).toString('utf8'),
      stderr: Buffer.concat(this.#stderr).toString('utf8'),
    };
  }
}

/** Address of an exec call. */
export function execUrl(server: string, target: ExecTarget, command: readonly string[], stdin: boolean): string {
  const pod = `/api/v1/namespaces/${encodeURIComponent(target.namespace)}/pods/${encodeURIComponent(target.pod)}`;
  return websocketUrl(server, `${pod}/exec`, [
    ['stdout', 'true'],
    ['stderr', 'true'],
    ...(stdin ? ([['stdin', 'true']] as const) : []),
    ...(target.container === undefined ? [] : ([['container', target.container]] as const)),
    ...command.map((part) => ['command', part] as const),
  ]);
}

/** The exit code that a status tells; `undefined` when the command was not started. */
export function exitCodeOf(status: V1Status): number | undefined {
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find((each) => each.reason === 'ExitCode');
  const code = cause?.message === undefined ? Number.NaN : Number(cause.message);
  return Number.isInteger(code) ? code : undefined;
}
