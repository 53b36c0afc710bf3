import { Agent, request } from 'node:https';
import { LabError } from './errors.ts';
import type { LabPki } from './pki.ts';
import type { Topology } from './topology.ts';

/** The part of a Kubernetes object that the lab looks at. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    generation?: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    [field: string]: unknown;
  };
  [field: string]: unknown;
}

/** An answer of the API server with a status other than 2xx. */
export class KubeApiError extends LabError {
  readonly status: number;

  constructor(status: number, message: string) {
    super('API', message);
    this.status = status;
  }
}

interface Resource {
  name: string;
  namespaced: boolean;
}

/** A small client for the lab's own API server: what `up` needs, without a process start per call. */
export class KubeApi {
  readonly #server: URL;
  readonly #agent: Agent;
  readonly #resources = new Map<string, Map<string, Resource>>();

  constructor(topology: Topology, pki: LabPki) {
    this.#server = new URL(topology.server);
    const admin = pki.certificates['admin'];
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 8,
      ca: pki.ca.cert,
      ...(admin ? { cert: admin.cert, key: admin.key } : {}),
    });
  }

  /** Sends one request and returns the parsed answer (text when it is no JSON). Throws {@link KubeApiError} for 4xx and 5xx. */
  async call(
    method: string,
    path: string,
    options: { body?: unknown; contentType?: string; timeoutMs?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<unknown> {
    const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const outgoing = request(
      new URL(path, this.#server),
      {
        method,
        agent: this.#agent,
        timeout: options.timeoutMs ?? 15_000,
        ...(options.signal ? { signal: options.signal } : {}),
        headers: {
          accept: 'application/json',
          ...(payload === undefined
            ? {}
            : {
                'content-type': options.contentType ?? 'application/json',
                'content-length': Buffer.byteLength(payload),
              }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      },
    );
    outgoing.on('timeout', () =>
      outgoing.destroy(
        new LabError('TIMEOUT', `${method} ${path}: no answer within ${options.timeoutMs ?? 15_000} ms`),
      ),
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
    const { status, text } = await promise;
    const parsed = parse(text);
    if (status >= 200 && status < 300) return parsed;
    const message = isRecord(parsed) && typeof parsed['message'] === 'string' ? parsed['message'] : text.slice(0, 500);
    throw new KubeApiError(status, `${method} ${path}: ${status} ${message}`);
  }

  /** Reads one object, or undefined when there is none (or its kind is not served). */
  async find(apiVersion: string, kind: string, name: string, namespace?: string): Promise<KubeObject | undefined> {
    try {
      const path = await this.pathOf({ apiVersion, kind, metadata: { name, ...(namespace ? { namespace } : {}) } });
      return asObject(await this.call('GET', path));
    } catch (error) {
      if (error instanceof KubeApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** All objects of a kind, in all namespaces. An unknown kind has none. */
  async list(apiVersion: string, kind: string, query = ''): Promise<KubeObject[]> {
    const resource = await this.#resource(apiVersion, kind);
    if (!resource) return [];
    const answer = await this.call('GET', `${prefix(apiVersion)}/${resource.name}${query === '' ? '' : `?${query}`}`);
    const items = isRecord(answer) && Array.isArray(answer['items']) ? answer['items'] : [];
    return items.filter(isRecord).map((item) => asObject({ apiVersion, kind, ...item }));
  }

  /** Server-side apply with force, as field manager `chaos-lab`. */
  async apply(
    object: KubeObject,
    options: { dryRun?: boolean; signal?: AbortSignal | undefined } = {},
  ): Promise<KubeObject> {
    const path = await this.pathOf(object);
    const answer = await this.call(
      'PATCH',
      `${path}?fieldManager=chaos-lab&force=true${options.dryRun ? '&dryRun=All' : ''}`,
      {
        body: object,
        contentType: 'application/apply-patch+yaml',
        timeoutMs: 60_000,
        signal: options.signal,
      },
    );
    return asObject(answer);
  }

  /** Deletes one object at once; absent is no error. */
  async remove(apiVersion: string, kind: string, name: string, namespace?: string): Promise<void> {
    const path = await this.pathOf({ apiVersion, kind, metadata: { name, ...(namespace ? { namespace } : {}) } });
    try {
      await this.call('DELETE', `${path}?gracePeriodSeconds=0`);
    } catch (error) {
      if (!(error instanceof KubeApiError) || error.status !== 404) throw error;
    }
  }

  /** URL path of an object. Throws when the server does not know its kind. */
  async pathOf(object: KubeObject): Promise<string> {
    const resource = await this.#resource(object.apiVersion, object.kind);
    if (!resource) {
      throw new KubeApiError(404, `the API server does not serve kind ${object.kind} of ${object.apiVersion}`);
    }
    const namespace = resource.namespaced ? `/namespaces/${object.metadata.namespace ?? 'default'}` : '';
    return `${prefix(object.apiVersion)}${namespace}/${resource.name}/${object.metadata.name}`;
  }

  close(): void {
    this.#agent.destroy();
  }

  // A kind that is not known yet is asked for again: a CRD may have been created meanwhile.
  async #resource(apiVersion: string, kind: string): Promise<Resource | undefined> {
    const known = this.#resources.get(apiVersion)?.get(kind);
    if (known) return known;
    let answer: unknown;
    try {
      answer = await this.call('GET', prefix(apiVersion));
    } catch (error) {
      if (error instanceof KubeApiError && error.status === 404) return undefined;
      throw error;
    }
    const kinds = new Map<string, Resource>();
    const listed = isRecord(answer) && Array.isArray(answer['resources']) ? answer['resources'] : [];
    for (const one of listed.filter(isRecord)) {
      const name = String(one['name']);
      if (!name.includes('/')) kinds.set(String(one['kind']), { name, namespaced: one['namespaced'] === true });
    }
    this.#resources.set(apiVersion, kinds);
    return kinds.get(kind);
  }
}

const prefix = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

/** True for a JSON object. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Checks that a parsed value looks like a Kubernetes object. Throws {@link LabError} `API` when not. */
export function asObject(value: unknown): KubeObject {
  if (
    isRecord(value) &&
    typeof value['apiVersion'] === 'string' &&
    typeof value['kind'] === 'string' &&
    isRecord(value['metadata']) &&
    typeof value['metadata']['name'] === 'string'
  ) {
    return value as KubeObject;
  }
  throw new LabError('API', `not a Kubernetes object: ${JSON.stringify(value)?.slice(0, 200)}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
