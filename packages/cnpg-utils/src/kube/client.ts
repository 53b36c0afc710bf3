import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type {
  ApiConstructor,
  ApiType,
  AppsV1Api,
  CoordinationV1Api,
  CoreV1Api,
  DiscoveryV1Api,
  KubernetesObject,
  PolicyV1Api,
  RequestContext,
  ResponseContext,
  StorageV1Api,
} from '@kubernetes/client-node';
import { clientNode } from './client-node.ts';
import { reviveDates } from './dates.ts';
import {
  CnpgNotInstalledError,
  InvalidError,
  KindNotFoundError,
  KubeconfigError,
  NoContextError,
  NotFoundError,
} from './errors.ts';
import { createPooledKubeConfig, type PooledKubeConfig } from './kube-config.ts';
import { describeRef, type CallOptions, type CollectionRef, type ResourceRef } from './refs.ts';
import { apiVersionPath, knownResourceName, type ResourceName } from './resource-names.ts';
import { KubeTransport, type KubeRequest } from './transport.ts';

/** Options of {@link KubeClient.fromFile} and {@link KubeClient.fromString}. */
export interface KubeClientOptions {
  /** Context of the kubeconfig. @default its current context */
  context?: string;
}

/** Restricts a list. */
export interface ListOptions extends CallOptions {
  labelSelector?: string;
  fieldSelector?: string;
}

/** Options of calls that write. */
export interface WriteOptions extends CallOptions {
  /** Validate and run admission (webhooks, too), but keep nothing. @default false */
  dryRun?: boolean;
}

/** Options of {@link KubeClient.apply}. */
export interface ApplyOptions extends WriteOptions {
  /** @default 'cnpg-chaos' */
  fieldManager?: string;
  /** Take over fields that another manager owns. @default true */
  force?: boolean;
}

/** Options of {@link KubeClient.patch}. */
export interface PatchOptions extends WriteOptions {
  /** `strategic` works for built-in kinds only. @default 'merge' */
  type?: 'merge' | 'strategic' | 'json';
  subresource?: 'status' | 'scale';
}

/** Options of {@link KubeClient.delete}. */
export interface DeleteOptions extends WriteOptions {
  /** 0 removes the object at once, without waiting for the kubelet. @default what the kind says (30 for pods) */
  gracePeriodSeconds?: number;
  /** Delete only this very object, not one that was created later under the same name. */
  preconditions?: { uid?: string; resourceVersion?: string };
  /** @default 'Background' */
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

/** Objects of one kind and the point in time from which a watch can go on. */
export interface ResourceList<T> {
  items: T[];
  resourceVersion: string;
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
} as const;

const PAGE_SIZE = 500;

/**
 * A client for one API server. Objects come back as the server sent them, unknown fields included; the timestamps of
 * built-in kinds are `Date`s. Every call has a time limit, and every failure is a {@link KubeError}: nothing is
 * retried behind the caller's back.
 */
export class KubeClient {
  readonly config: PooledKubeConfig;
  /** URL of the API server. */
  readonly server: string;
  /** Sends requests that the methods of this class do not cover. */
  readonly transport: KubeTransport;
  readonly #apis = new Map<unknown, unknown>();
  readonly #discovered = new Map<string, Promise<Map<string, ResourceName>>>();

  constructor(config: PooledKubeConfig) {
    this.config = config;
    this.transport = new KubeTransport(config);
    this.server = this.transport.server;
  }

  /**
   * Reads a kubeconfig file. The environment variable KUBECONFIG is never looked at.
   *
   * @throws KubeconfigError when the file cannot be read or has no such context
   */
  static fromFile(path: string, options: KubeClientOptions = {}): KubeClient {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      throw new KubeconfigError(`kubeconfig ${path} cannot be read: ${messageOf(error)}`, { cause: error });
    }
    return KubeClient.#fromText(text, options, `kubeconfig ${path}`, dirname(path));
  }

  /** Reads a kubeconfig from text. Relative paths in it are relative to the working directory. */
  static fromString(yaml: string, options: KubeClientOptions = {}): KubeClient {
    return KubeClient.#fromText(yaml, options, 'kubeconfig', undefined);
  }

  static #fromText(text: string, options: KubeClientOptions, what: string, folder: string | undefined): KubeClient {
    const config = createPooledKubeConfig();
    try {
      config.loadFromString(text);
    } catch (error) {
      throw new KubeconfigError(`${what} is not valid: ${messageOf(error)}`, { cause: error });
    }
    if (folder !== undefined) config.makePathsAbsolute(folder);
    if (options.context !== undefined) config.setCurrentContext(options.context);
    if (config.getContextObject(config.currentContext) === null) {
      const known = config.getContexts().map((context) => context.name);
      const wanted = config.currentContext as string | undefined;
      const problem =
        wanted === undefined || wanted === ''
          ? 'it has no current context; set one with `kubectl config use-context`, or pass `context`'
          : `there is no context ${JSON.stringify(wanted)}`;
      throw new NoContextError(`${what}: ${problem}; known are: ${known.join(', ') || 'none'}`);
    }
    return new KubeClient(config);
  }

  get core(): CoreV1Api {
    return this.api(clientNode().CoreV1Api);
  }
  get apps(): AppsV1Api {
    return this.api(clientNode().AppsV1Api);
  }
  get coordination(): CoordinationV1Api {
    return this.api(clientNode().CoordinationV1Api);
  }
  get discovery(): DiscoveryV1Api {
    return this.api(clientNode().DiscoveryV1Api);
  }
  get storage(): StorageV1Api {
    return this.api(clientNode().StorageV1Api);
  }
  get policy(): PolicyV1Api {
    return this.api(clientNode().PolicyV1Api);
  }

  /** A generated API of client-node that uses this client's connections, time limit and error classes. */
  api<T extends ApiType>(constructor: ApiConstructor<T>): T {
    const cached = this.#apis.get(constructor);
    if (cached !== undefined) return cached as T;
    const { createConfiguration, ServerConfiguration, wrapHttpLibrary } = clientNode();
    const created = new constructor(
      createConfiguration({
        baseServer: new ServerConfiguration(this.server, {}),
        authMethods: { default: this.config },
        httpApi: wrapHttpLibrary({ send: (request) => this.#sendGenerated(request) }),
      }),
    );
    this.#apis.set(constructor, created);
    return created;
  }

  /** @throws NotFoundError and every other {@link KubeError} */
  async get<T extends KubernetesObject>(ref: ResourceRef, options: CallOptions = {}): Promise<T> {
    const path = await this.#path(ref, options);
    return await this.#object<T>(ref, { method: 'GET', path, what: `get ${describeRef(ref)}` }, options);
  }

  /** Like {@link get}, but undefined when there is no such object. */
  async find<T extends KubernetesObject>(ref: ResourceRef, options: CallOptions = {}): Promise<T | undefined> {
    try {
      return await this.get<T>(ref, options);
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  /** All objects of a kind, of one namespace or of all. */
  async list<T extends KubernetesObject>(ref: CollectionRef, options: ListOptions = {}): Promise<T[]> {
    return (await this.listWithVersion<T>(ref, options)).items;
  }

  /** Like {@link list}, with the resource version to watch from. */
  async listWithVersion<T extends KubernetesObject>(
    ref: CollectionRef,
    options: ListOptions = {},
  ): Promise<ResourceList<T>> {
    const path = await this.collectionPath(ref, options);
    const items: T[] = [];
    let continueToken: string | undefined;
    let resourceVersion: string;
    do {
      const query = {
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
        limit: PAGE_SIZE,
        continue: continueToken,
      };
      const page = await this.transport
        .json({ method: 'GET', path, query, what: `list ${describeRef(ref)}` }, options)
        .catch((error: unknown) => explainNotFound(error, ref));
      const { metadata, items: pageItems } = page as {
        metadata?: { continue?: string; resourceVersion?: string };
        items?: Record<string, unknown>[];
      };
      for (const item of pageItems ?? []) {
        // Items of a list come without them.
        item['apiVersion'] ??= ref.apiVersion;
        item['kind'] ??= ref.kind;
        reviveDates(ref.apiVersion, ref.kind, item);
        items.push(item as T);
      }
      continueToken = metadata?.continue === '' ? undefined : metadata?.continue;
      resourceVersion = metadata?.resourceVersion ?? '';
    } while (continueToken !== undefined);
    return { items, resourceVersion };
  }

  async create<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const ref = refOf(object, 'create');
    const path = await this.collectionPath(ref, options);
    const what = `create ${describeRef(ref)}`;
    return await this.#object<T>(ref, { method: 'POST', path, query: dryRun(options), body: object, what }, options);
  }

  /** Replaces the whole object. With `metadata.resourceVersion`: only if nobody changed it since it was read. */
  async replace<T extends KubernetesObject>(object: T, options: WriteOptions = {}): Promise<T> {
    const ref = refOf(object, 'replace');
    const path = await this.#path(ref, options);
    const what = `replace ${describeRef(ref)}`;
    return await this.#object<T>(ref, { method: 'PUT', path, query: dryRun(options), body: object, what }, options);
  }

  /** Server-side apply: creates the object, or brings the fields that it names to the given values. */
  async apply<T extends KubernetesObject>(object: T, options: ApplyOptions = {}): Promise<T> {
    const ref = refOf(object, 'apply');
    const { managedFields: _, ...metadata } = object.metadata ?? {};
    const query = {
      ...dryRun(options),
      fieldManager: options.fieldManager ?? 'cnpg-chaos',
      force: options.force ?? true,
    };
    const path = await this.#path(ref, options);
    const contentType = 'application/apply-patch+yaml';
    const body = { ...object, metadata };
    const what = `apply ${describeRef(ref)}`;
    return await this.#object<T>(ref, { method: 'PATCH', path, query, body, contentType, what }, options);
  }

  /** Changes some fields. `patch` is a list of operations for type `json`, an object otherwise. */
  async patch<T extends KubernetesObject>(ref: ResourceRef, patch: object, options: PatchOptions = {}): Promise<T> {
    const base = await this.#path(ref, options);
    const path = options.subresource === undefined ? base : `${base}/${options.subresource}`;
    const contentType = PATCH_TYPES[options.type ?? 'merge'];
    const what = `patch ${describeRef(ref)}`;
    const query = { ...dryRun(options), fieldManager: 'cnpg-chaos' };
    return await this.#object<T>(ref, { method: 'PATCH', path, query, body: patch, contentType, what }, options);
  }

  /**
   * Asks for the object's deletion. It may live on for its grace period or its finalizers.
   *
   * @throws NotFoundError when there is no such object
   * @throws ConflictError when a precondition does not hold, for example because the UID is another one
   */
  async delete(ref: ResourceRef, options: DeleteOptions = {}): Promise<void> {
    const path = await this.#path(ref, options);
    const { gracePeriodSeconds, preconditions, propagationPolicy = 'Background' } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy,
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(preconditions === undefined ? {} : { preconditions }),
      ...(options.dryRun === true ? { dryRun: ['All'] } : {}),
    };
    await this.transport.text({ method: 'DELETE', path, body, what: `delete ${describeRef(ref)}` }, options);
  }

  /** Like {@link delete}; false when there was no such object. */
  async deleteIfExists(ref: ResourceRef, options: DeleteOptions = {}): Promise<boolean> {
    try {
      await this.delete(ref, options);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }

  /** Version of the API server. */
  async version(options: CallOptions = {}): Promise<{ gitVersion: string }> {
    const reply = await this.transport.json({ method: 'GET', path: '/version', what: 'get version' }, options);
    return reply as { gitVersion: string };
  }

  /** Closes all connections. Calls and watches that are under way fail. */
  async close(): Promise<void> {
    await this.config.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Whether objects of a kind belong to a namespace.
   *
   * @throws NotFoundError when the API server does not know the kind
   */
  async isNamespaced(ref: CollectionRef, options: CallOptions = {}): Promise<boolean> {
    return (await this.#resourceName(ref, options)).namespaced;
  }

  /**
   * Path of all objects of a kind.
   *
   * @throws NotFoundError when the API server does not know the kind
   */
  async collectionPath(ref: CollectionRef, options: CallOptions = {}): Promise<string> {
    const { plural, namespaced } = await this.#resourceName(ref, options);
    const scope = namespaced && ref.namespace !== undefined ? `/namespaces/${encodeURIComponent(ref.namespace)}` : '';
    return `${apiVersionPath(ref.apiVersion)}${scope}/${plural}`;
  }

  async #path(ref: ResourceRef, options: CallOptions): Promise<string> {
    const { namespaced } = await this.#resourceName(ref, options);
    if (ref.name === '') throw new InvalidError(`${ref.kind}: name is empty`);
    if (namespaced && (ref.namespace === undefined || ref.namespace === '')) {
      throw new InvalidError(`${describeRef(ref)}: namespace is missing, a ${ref.kind} belongs to one`);
    }
    return `${await this.collectionPath(ref, options)}/${encodeURIComponent(ref.name)}`;
  }

  async #resourceName(ref: CollectionRef, options: CallOptions): Promise<ResourceName> {
    const known = knownResourceName(ref.apiVersion, ref.kind);
    if (known !== undefined) return known;
    const found = (await this.#discover(ref, options)).get(ref.kind);
    if (found !== undefined) return found;
    // The kind may have been installed since.
    this.#discovered.delete(ref.apiVersion);
    const foundNow = (await this.#discover(ref, options)).get(ref.kind);
    if (foundNow !== undefined) return foundNow;
    const others = [...(await this.#discover(ref, options)).keys()].toSorted();
    throw new KindNotFoundError(
      `${this.server} knows no kind ${ref.kind} in ${ref.apiVersion}; it knows: ${others.join(', ') || 'none'}`,
      { reason: 'NoKindMatch' },
    );
  }

  async #discover({ apiVersion, kind }: CollectionRef, options: CallOptions): Promise<Map<string, ResourceName>> {
    const cached = this.#discovered.get(apiVersion);
    if (cached !== undefined) return await cached;
    const pending = this.#askForResources({ apiVersion, kind }, options);
    this.#discovered.set(apiVersion, pending);
    // A failure is not remembered.
    pending.catch(() => this.#discovered.delete(apiVersion));
    return await pending;
  }

  async #askForResources(
    { apiVersion, kind }: CollectionRef,
    options: CallOptions,
  ): Promise<Map<string, ResourceName>> {
    const path = apiVersionPath(apiVersion);
    const reply = await this.transport
      .json({ method: 'GET', path, what: `discover ${apiVersion}` }, options)
      .catch((error: unknown) => explainNotFound(error, { apiVersion, kind }));
    const { resources } = reply as { resources?: { kind: string; name: string; namespaced: boolean }[] };
    const names = new Map<string, ResourceName>();
    for (const { kind, name, namespaced } of resources ?? []) {
      if (!name.includes('/')) names.set(kind, { plural: name, namespaced });
    }
    return names;
  }

  async #object<T extends KubernetesObject>(ref: CollectionRef, call: KubeRequest, options: CallOptions): Promise<T> {
    const reply = await this.transport.json(call, options).catch((error: unknown) => explainNotFound(error, ref));
    const object = reply as Record<string, unknown>;
    const { apiVersion, kind } = object;
    if (typeof apiVersion === 'string' && typeof kind === 'string') reviveDates(apiVersion, kind, object);
    return object as T;
  }

  async #sendGenerated(request: RequestContext): Promise<ResponseContext> {
    const method = request.getHttpMethod().toString();
    const url = new URL(request.getUrl());
    const body = request.getBody();
    const headers = request.getHeaders();
    const signal = request.getSignal();
    const { status, contentType, text } = await this.transport.reply(
      {
        method: method as KubeRequest['method'],
        path: url.pathname.slice(new URL(this.server).pathname.replace(/\/+$/, '').length),
        query: Object.fromEntries(url.searchParams),
        ...(typeof body === 'string' ? { rawBody: body } : {}),
        ...(headers['Content-Type'] === undefined ? {} : { contentType: headers['Content-Type'] }),
        ...(headers['Accept'] === undefined ? {} : { accept: headers['Accept'] }),
        what: `${method} ${url.pathname}`,
      },
      signal === undefined ? {} : { signal },
    );
    const Response = clientNode().ResponseContext;
    return new Response(
      status,
      { 'content-type': contentType },
      {
        text: () => Promise.resolve(text),
        binary: () => Promise.resolve(Buffer.from(text)),
        stream: () => new globalThis.Response(text).body,
      },
    );
  }
}

// For a path that it does not know the API server answers plain text, for an object that is not there a Status.
function explainNotFound(error: unknown, ref: CollectionRef): never {
  if (!(error instanceof NotFoundError) || error.reason !== undefined) throw error;
  const unknown = `the API server does not know the kind ${ref.kind} of ${ref.apiVersion}`;
  const details = { status: 404, cause: error };
  if (!ref.apiVersion.startsWith('postgresql.cnpg.io/')) {
    throw new KindNotFoundError(`${unknown}: install what brings it, or check apiVersion and kind`, details);
  }
  if (ref.kind === 'Cluster') throw new CnpgNotInstalledError(`${unknown}: install CloudNativePG first`, details);
  throw new KindNotFoundError(`${unknown}: CloudNativePG is not installed, or too old for it`, details);
}

function refOf(object: KubernetesObject, verb: string): ResourceRef {
  const { apiVersion, kind, metadata } = object;
  if (apiVersion === undefined || apiVersion === '' || kind === undefined || kind === '') {
    throw new InvalidError(
      `${verb}: the object needs apiVersion and kind, it has ${apiVersion ?? '-'} and ${kind ?? '-'}`,
    );
  }
  const name = metadata?.name ?? metadata?.generateName ?? '';
  return { apiVersion, kind, name, ...(metadata?.namespace === undefined ? {} : { namespace: metadata.namespace }) };
}

function dryRun(options: WriteOptions): { dryRun?: string } {
  return options.dryRun === true ? { dryRun: 'All' } : {};
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
