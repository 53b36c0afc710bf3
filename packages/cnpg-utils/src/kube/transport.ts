import type { Readable } from 'node:stream';
import { request, type Dispatcher } from 'undici';
import { anySignal, abortReason } from '../signals.ts';
import { timeouts } from '../timeouts.ts';
import { errorFromReply, KubeconfigError, KubeError, TimeoutError, UnreachableError } from './errors.ts';
import type { PooledKubeConfig, RequestAuth } from './kube-config.ts';
import type { CallOptions } from './refs.ts';

/** One request to the API server. */
export interface KubeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path below the server's URL, starting with `/`. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  /** Sent as JSON, whatever `contentType` says. */
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  rawBody?: string;
  contentType?: string;
  accept?: string;
  /** The call in words, for messages: `get Pod team/db-1`. */
  what: string;
}

/** A reply with a status below 300. */
export interface KubeReply {
  status: number;
  contentType: string;
  text: string;
}

/** Sends requests of one kubeconfig over its connection pool and turns every failure into a {@link KubeError}. */
export class KubeTransport {
  readonly config: PooledKubeConfig;
  readonly server: string;

  constructor(config: PooledKubeConfig) {
    this.config = config;
    const server = config.getCurrentCluster()?.server;
    if (server === undefined) {
      throw new KubeconfigError(`kubeconfig: context ${JSON.stringify(config.currentContext)} names no known cluster`);
    }
    this.server = server.replace(/\/+$/, '');
  }

  /** Sends a request and returns the reply as parsed JSON. */
  async json(call: KubeRequest, options: CallOptions = {}): Promise<unknown> {
    const text = await this.text(call, options);
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new KubeError(`${call.what}: the reply is no JSON: ${text.slice(0, 200)}`, { cause: error });
    }
  }

  /** Sends a request and returns the reply as text. */
  async text(call: KubeRequest, options: CallOptions = {}): Promise<string> {
    return (await this.reply(call, options)).text;
  }

  /** Sends a request and returns the whole reply. */
  async reply(call: KubeRequest, options: CallOptions = {}): Promise<KubeReply> {
    const timeoutMs = options.timeoutMs ?? timeouts.kubeRequest;
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort();
    }, timeoutMs);
    try {
      const reply = await this.#send(call, anySignal(options.signal, deadline.signal));
      const text = await reply.body.text();
      if (reply.statusCode >= 300) throw replyError(call, reply, text);
      return { status: reply.statusCode, contentType: headerOf(reply, 'content-type') ?? '', text };
    } catch (error) {
      throw this.#translate(call, error, options.signal, deadline.signal, timeoutMs);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Sends a request and returns the reply's body as a stream once the status line is there. `timeoutMs` limits the
   * time until then; `signal` ends the stream, too.
   */
  async stream(call: KubeRequest, options: CallOptions = {}): Promise<Readable> {
    const timeoutMs = options.timeoutMs ?? timeouts.kubeRequest;
    const ended = new AbortController();
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort();
      ended.abort();
    }, timeoutMs);
    const signal = anySignal(options.signal, ended.signal);
    try {
      const reply = await this.#send(call, signal);
      if (reply.statusCode >= 300) throw replyError(call, reply, await reply.body.text());
      return reply.body;
    } catch (error) {
      throw this.#translate(call, error, options.signal, deadline.signal, timeoutMs);
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(call: KubeRequest, signal: AbortSignal | undefined): Promise<Dispatcher.ResponseData> {
    signal?.throwIfAborted();
    const { headers, dispatcher } = await this.#auth(call.what);
    const body = call.rawBody ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    const url = new URL(this.server + call.path);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return await request(url, {
      dispatcher,
      method: call.method,
      headers: {
        ...headers,
        accept: call.accept ?? 'application/json',
        'user-agent': 'cnpg-chaos',
        ...(body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  // Nothing was sent: a program that gives credentials failed, a file of theirs is missing, or the URL is no https one.
  async #auth(what: string): Promise<RequestAuth> {
    try {
      return await this.config.requestAuth();
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const user = this.config.getCurrentUser()?.name ?? 'none';
      throw new KubeconfigError(
        `${what}: the credentials of context ${JSON.stringify(this.config.currentContext)} (user ${user}) for ${this.server} cannot be used: ${problem}`,
        { cause: error },
      );
    }
  }

  #translate(
    call: KubeRequest,
    error: unknown,
    signal: AbortSignal | undefined,
    deadline: AbortSignal,
    timeoutMs: number,
  ): Error {
    if (error instanceof KubeError) return error;
    if (signal?.aborted === true) return abortReason(signal);
    if (deadline.aborted) {
      return new TimeoutError(`${call.what}: no complete answer from ${this.server} within ${timeoutMs} ms`, {
        cause: error,
      });
    }
    return new UnreachableError(`${call.what}: ${this.server}: ${describeNetworkError(error)}`, { cause: error });
  }
}

function replyError(call: KubeRequest, reply: Dispatcher.ResponseData, body: string): KubeError {
  return errorFromReply(call.what, reply.statusCode, body, headerOf(reply, 'retry-after'));
}

function headerOf(reply: Dispatcher.ResponseData, name: string): string | undefined {
  const value = reply.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** `ECONNREFUSED connect ECONNREFUSED 127.0.0.1:6443`: the code that names a network failure, and its text. */
export function describeNetworkError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = networkErrorCode(error);
  const inner = error.cause instanceof Error ? error.cause : error;
  return code === undefined || inner.message.includes(code) ? inner.message : `${code}: ${inner.message}`;
}

/** `code` of a network failure or of its cause, such as `ECONNRESET` or `UND_ERR_SOCKET`. */
export function networkErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = networkErrorCode(error.cause);
  if (cause !== undefined) return cause;
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
