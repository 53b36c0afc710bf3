import type { RequestOptions } from 'node:https';
import type { KubeConfig, RequestContext as RequestContextOf } from '@kubernetes/client-node';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { clientNode, type ClientNode } from './client-node.ts';

/** What one request needs besides its own headers and body. */
export interface RequestAuth {
  headers: Record<string, string>;
  dispatcher: Dispatcher;
}

// http/1.1 on purpose: over HTTP/2 all watches and calls share one connection, so one reset blinds all of them.
const AGENT_OPTIONS = {
  allowH2: false,
  keepAliveTimeout: 20_000,
  // Time limits belong to the call; a quiet watch is no error.
  headersTimeout: 0,
  bodyTimeout: 0,
} as const;

const CONNECT_OPTIONS = { keepAlive: true, keepAliveInitialDelay: 10_000, timeout: 10_000 } as const;

/**
 * client-node's KubeConfig with one connection pool. The original builds a new one for every request, and so opens a
 * new TLS connection for every request.
 */
export interface PooledKubeConfig extends KubeConfig {
  /** Headers and connection pool for a request. Refreshes short-lived credentials of exec and OIDC users. */
  requestAuth(): Promise<RequestAuth>;
  /** Closes every connection of the pool at once; calls under way fail. */
  close(): Promise<void>;
}

/** An empty configuration; fill it with one of its `load` methods. */
export function createPooledKubeConfig(): PooledKubeConfig {
  pooledClass ??= definePooledClass(clientNode());
  return new pooledClass();
}

let pooledClass: (new () => PooledKubeConfig) | undefined;

// The class can be written down only once the one that it extends is loaded.
function definePooledClass({
  KubeConfig: Original,
  RequestContext,
  HttpMethod,
}: ClientNode): new () => PooledKubeConfig {
  return class extends Original implements PooledKubeConfig {
    readonly #dispatchers = new Map<string, Dispatcher>();

    async requestAuth(): Promise<RequestAuth> {
      const options: RequestOptions = {};
      await this.applyToHTTPSOptions(options);
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value);
      if (typeof options.auth === 'string') {
        headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
      }
      return { headers, dispatcher: await this.#dispatcher(options) };
    }

    override async applySecurityAuthentication(context: RequestContextOf): Promise<void> {
      const { headers, dispatcher } = await this.requestAuth();
      for (const [name, value] of Object.entries(headers)) context.setHeaderParam(name, value);
      context.setDispatcher(dispatcher);
    }

    async close(): Promise<void> {
      const dispatchers = [...this.#dispatchers.values()];
      this.#dispatchers.clear();
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
    }

    async #dispatcher(options: RequestOptions): Promise<Dispatcher> {
      const key = [this.currentContext, options.ca, options.cert, options.key, options.servername]
        .map(String)
        .join('\0');
      const cached = this.#dispatchers.get(key);
      if (cached !== undefined) return cached;
      const created = await this.#createDispatcher(options);
      // Two first calls may have come here at once.
      const first = this.#dispatchers.get(key);
      if (first !== undefined) {
        await created.close();
        return first;
      }
      this.#dispatchers.set(key, created);
      return created;
    }

    async #createDispatcher(options: RequestOptions): Promise<Dispatcher> {
      const cluster = this.getCurrentCluster();
      const tls = tlsOptions(options);
      const connect = { ...tls, ...CONNECT_OPTIONS };
      const { type } = this.createDispatcherOptions(cluster, tls);
      switch (type) {
        case 'agent':
        case 'none':
          return new Agent({ ...AGENT_OPTIONS, connect });
        case 'proxy':
          return new ProxyAgent({
            ...AGENT_OPTIONS,
            uri: cluster?.proxyUrl ?? '',
            requestTls: tls,
            connect: CONNECT_OPTIONS,
          });
        case 'socks':
          return await this.#originalDispatcher();
      }
    }

    // Its SOCKS connector is private, but what it sets on a request is not.
    async #originalDispatcher(): Promise<Dispatcher> {
      const context = new RequestContext('https://unused.invalid', HttpMethod.GET);
      await super.applySecurityAuthentication(context);
      const dispatcher = context.getDispatcher();
      if (dispatcher === undefined) throw new Error('client-node gave no dispatcher for a SOCKS proxy');
      return dispatcher;
    }
  };
}

type TlsOptions = Pick<
  RequestOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
>;

const TLS_FIELDS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const;

function tlsOptions(options: RequestOptions): TlsOptions {
  return Object.fromEntries(
    TLS_FIELDS.flatMap((field) => (options[field] === undefined ? [] : [[field, options[field]]])),
  );
}
