import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeClient } from '@cnpg-chaos/cnpg-utils';

type Stored = Record<string, unknown> & { metadata: Record<string, unknown> };

/**
 * An API server that keeps objects by path: get, list, create, delete and merge patch, with resource versions. No
 * admission, no controllers: for testing what is written, not how Kubernetes behaves.
 */
export class ObjectStore implements AsyncDisposable {
  readonly kube: KubeClient;
  /** How to reach it, as the text of a file. */
  readonly kubeconfig: string;
  /** What was asked, such as `PATCH /api/v1/nodes/w1`, and with which body. */
  readonly requests: { readonly what: string; readonly body: unknown }[] = [];
  /** Called before each request is answered; what it returns is the answer's status, and the usual one when it returns nothing. */
  intercept: ((method: string, path: string) => number | undefined) | undefined;
  readonly #server: Server;
  readonly #objects = new Map<string, Stored>();
  #version = 1;

  private constructor(server: Server) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.kubeconfig = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'store',
      clusters: [{ name: 'store', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      contexts: [{ name: 'store', context: { cluster: 'store', user: 'store' } }],
      users: [{ name: 'store', user: {} }],
    });
    this.kube = KubeClient.fromString(this.kubeconfig);
  }

  static async start(): Promise<ObjectStore> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = createServer((request, response) => void store.#answer(request, response));
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    const store = new ObjectStore(server);
    return store;
  }

  /** Puts an object at a path such as `/api/v1/nodes/w1`. */
  put(path: string, object: Record<string, unknown>): void {
    const metadata = (object['metadata'] ?? {}) as Record<string, unknown>;
    this.#objects.set(path, { ...object, metadata: { ...metadata, resourceVersion: String(this.#version++) } });
  }

  drop(path: string): void {
    this.#objects.delete(path);
  }

  at(path: string): Stored | undefined {
    return this.#objects.get(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kube.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://store');
    const method = request.method ?? 'GET';
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    this.requests.push({ what: `${method} ${pathname}`, body });
    const refused = this.intercept?.(method, pathname);
    if (refused !== undefined) return send(response, refused, refused < 300 ? {} : failure(refused, pathname));
    if (method === 'POST') {
      const { metadata } = body as Stored;
      const created = { ...(body as Stored), metadata: { uid: `uid-${this.#version}`, ...metadata } };
      this.put(`${pathname}/${String(metadata['name'])}`, created);
      return send(response, 201, created);
    }
    const found = this.#objects.get(pathname);
    if (found === undefined) {
      const isIn = (path: string) => path.startsWith(`${pathname}/`) && !path.includes('/', pathname.length + 1);
      const items = [...this.#objects].filter(([path]) => isIn(path)).map(([, object]) => object);
      if (method === 'GET' && isCollection(pathname))
        return send(response, 200, { metadata: { resourceVersion: String(this.#version) }, items });
      return send(response, 404, failure(404, pathname));
    }
    if (method === 'DELETE') {
      this.#objects.delete(pathname);
      return send(response, 200, found);
    }
    if (method === 'PATCH') {
      const patch = body as Stored;
      const expected = patch.metadata?.['resourceVersion'];
      if (expected !== undefined && expected !== found.metadata['resourceVersion']) {
        return send(response, 409, failure(409, pathname));
      }
      this.put(pathname, merge(found, patch) as Stored);
      return send(response, 200, this.#objects.get(pathname));
    }
    return send(response, 200, found);
  }
}

// What comes right after the namespace, and what belongs to none and is listed in tests.
function isCollection(path: string): boolean {
  return /\/namespaces\/[^/]+\/[a-z]+$/.test(path) || /\/v1\/(?:nodes|namespaces)$/.test(path);
}

const reasons: Readonly<Record<number, string>> = { 404: 'NotFound', 409: 'Conflict', 403: 'Forbidden' };

function failure(code: number, path: string) {
  const reason = reasons[code] ?? 'InternalError';
  return { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message: `${path}: ${reason}` };
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

// RFC 7386
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = merge(result[key], value);
  }
  return result;
}
