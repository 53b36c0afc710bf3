import { randomBytes } from 'node:crypto';
import type { KubernetesObject, V1Namespace, V1Pod } from '@kubernetes/client-node';
import { timeouts } from '../timeouts.ts';
import { waitFor } from '../wait.ts';
import type { KubeClient } from './client.ts';
import { CnpgNotInstalledError, InvalidError, NamespaceTerminatingError, NotFoundError } from './errors.ts';
import { HOLD_FINALIZER, releaseObject, removeFinalizers } from './hold.ts';
import type { CallOptions } from './refs.ts';

/** Options of {@link createNamespace}. */
export interface NamespaceOptions extends CallOptions {
  labels?: Record<string, string>;
}

/** Options of {@link deleteNamespace}. */
export interface DeleteNamespaceOptions {
  /** Deadline in milliseconds. @default 180000 (`timeouts.clusterDeletion`) */
  timeoutMs?: number;
  signal?: AbortSignal;
  onProgress?: (state: string, elapsedMs: number) => void;
  /**
   * After this many milliseconds finalizers are removed that only a running primary would remove; see
   * {@link deleteNamespace}. Infinity never does it. @default 20000
   */
  forceAfterMs?: number;
}

/**
 * A namespace name that nobody else uses: the prefix and eight random characters.
 *
 * @param prefix lower-case letters, digits and dashes, at most 54 characters
 * @throws InvalidError
 */
export function uniqueNamespaceName(prefix: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,52}[a-z0-9])?$/.test(prefix)) {
    throw new InvalidError(
      `namespace prefix ${JSON.stringify(prefix)}: expected lower-case letters, digits and dashes, at most 54, ` +
        'first and last no dash',
    );
  }
  return `${prefix}-${randomBytes(4).toString('hex')}`;
}

/**
 * Creates a namespace.
 *
 * @throws ConflictError when it exists; NamespaceTerminatingError when it exists and is just being deleted
 */
export async function createNamespace(
  kube: KubeClient,
  name: string,
  options: NamespaceOptions = {},
): Promise<V1Namespace> {
  const { labels, ...call } = options;
  try {
    const metadata = { name, ...(labels === undefined ? {} : { labels }) };
    return await kube.create<V1Namespace>({ apiVersion: 'v1', kind: 'Namespace', metadata }, call);
  } catch (error) {
    const present = await kube.find<V1Namespace>(namespaceRef(name), call).catch(() => undefined);
    if (present?.status?.phase === 'Terminating') throw terminating(name, error);
    throw error;
  }
}

/** Creates a namespace, or adds the labels to the one that is there. @throws NamespaceTerminatingError */
export async function ensureNamespace(
  kube: KubeClient,
  name: string,
  options: NamespaceOptions = {},
): Promise<V1Namespace> {
  const { labels, ...call } = options;
  const metadata = { name, ...(labels === undefined ? {} : { labels }) };
  const namespace = await kube.apply<V1Namespace>({ apiVersion: 'v1', kind: 'Namespace', metadata }, call);
  if (namespace.status?.phase === 'Terminating') throw terminating(name);
  return namespace;
}

/** A namespace of one's own. Leaving its `await using` block deletes it and waits. */
export interface TestNamespace extends AsyncDisposable {
  readonly name: string;
  /** Whether it is kept, see {@link preservedPrefixes}. */
  readonly preserved: boolean;
}

/** Options of {@link createTestNamespace}. */
export interface TestNamespaceOptions extends NamespaceOptions {
  /** Namespaces whose names start with one of these are kept. @default those of {@link preservedPrefixes} */
  preserve?: readonly string[];
  /** How it is deleted. */
  deletion?: DeleteNamespaceOptions;
}

/**
 * Creates a namespace with a name of its own.
 *
 * @example await using namespace = await createTestNamespace(kube, 'failover');
 */
export async function createTestNamespace(
  kube: KubeClient,
  prefix: string,
  options: TestNamespaceOptions = {},
): Promise<TestNamespace> {
  const { preserve = preservedPrefixes(), deletion, ...rest } = options;
  const name = uniqueNamespaceName(prefix);
  await createNamespace(kube, name, rest);
  const preserved = preserve.some((start) => name.startsWith(start));
  return {
    name,
    preserved,
    [Symbol.asyncDispose]: async () => {
      if (!preserved) await deleteNamespace(kube, name, deletion);
    },
  };
}

/**
 * Prefixes in the environment variable `PRESERVE_NAMESPACES`, separated by blanks or commas: what CloudNativePG's own
 * suite calls them.
 */
export function preservedPrefixes(env: Readonly<Record<string, string | undefined>> = process.env): string[] {
  return (env['PRESERVE_NAMESPACES'] ?? '').split(/[\s,]+/).filter((prefix) => prefix !== '');
}

const CNPG_OBJECTS = ['Database', 'Publication', 'Subscription', 'DatabaseRole', 'Cluster'] as const;

/**
 * Deletes a namespace and waits until it is gone. Does nothing when there is none.
 *
 * Databases, publications, subscriptions and roles of CloudNativePG have finalizers that the primary's instance manager
 * removes. Without a primary they would keep the namespace for ever; after `forceAfterMs` they are removed here, volume
 * claims that are held are released, and pods are deleted with a grace period of one second.
 *
 * @throws WaitTimeoutError with what the namespace controller says is left
 */
export async function deleteNamespace(
  kube: KubeClient,
  name: string,
  options: DeleteNamespaceOptions = {},
): Promise<void> {
  const { forceAfterMs = 20_000, ...wait } = options;
  const startedAt = performance.now();
  await kube.deleteIfExists(namespaceRef(name), wait.signal === undefined ? {} : { signal: wait.signal });
  await waitFor(
    `namespace ${name} to be gone`,
    async (signal, probe) => {
      const namespace = await kube.find<V1Namespace>(namespaceRef(name), { signal });
      if (namespace === undefined) return true;
      const left = (namespace.status?.conditions ?? [])
        .filter(({ type, status }) => status === 'True' && /Remaining|Failure/.test(type))
        .map(({ message, type }) => message ?? type);
      probe.observe(`${namespace.status?.phase ?? '?'}: ${left.join(' ') || 'the server has not said what is left'}`);
      if (performance.now() - startedAt >= forceAfterMs) await forceNamespace(kube, name, { signal });
      return undefined;
    },
    { ...wait, timeoutMs: wait.timeoutMs ?? timeouts.clusterDeletion, intervalMs: 500 },
  );
}

async function forceNamespace(kube: KubeClient, namespace: string, options: CallOptions): Promise<void> {
  for (const kind of CNPG_OBJECTS) {
    for (const { metadata } of await listIfKnown(
      kube,
      { apiVersion: 'postgresql.cnpg.io/v1', kind, namespace },
      options,
    )) {
      if (metadata?.name === undefined || metadata.deletionTimestamp === undefined) continue;
      const ref = { apiVersion: 'postgresql.cnpg.io/v1', kind, namespace, name: metadata.name };
      await removeFinalizers(kube, ref, (finalizer) => finalizer.startsWith('cnpg.io/'), options);
    }
  }
  for (const { metadata } of await kube.list({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace }, options)) {
    if (metadata?.name === undefined || metadata.finalizers?.includes(HOLD_FINALIZER) !== true) continue;
    const ref = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: metadata.name };
    await releaseObject(kube, ref, options);
  }
  for (const pod of await kube.list<V1Pod>({ apiVersion: 'v1', kind: 'Pod', namespace }, options)) {
    const { name, uid, deletionGracePeriodSeconds } = pod.metadata ?? {};
    if (name === undefined || uid === undefined || (deletionGracePeriodSeconds ?? 2) <= 1) continue;
    const ref = { apiVersion: 'v1', kind: 'Pod', namespace, name };
    await kube.deleteIfExists(ref, { ...options, gracePeriodSeconds: 1, preconditions: { uid } });
  }
}

async function listIfKnown(
  kube: KubeClient,
  ref: { apiVersion: string; kind: string; namespace: string },
  options: CallOptions,
): Promise<KubernetesObject[]> {
  try {
    return await kube.list(ref, options);
  } catch (error) {
    // A server without CloudNativePG, or with one that is too old for the kind.
    if (error instanceof NotFoundError || error instanceof CnpgNotInstalledError) return [];
    throw error;
  }
}

function terminating(name: string, cause?: unknown): NamespaceTerminatingError {
  return new NamespaceTerminatingError(
    `namespace ${name} is being deleted: wait until it is gone, or use another name`,
    { reason: 'NamespaceTerminating', ...(cause === undefined ? {} : { cause }) },
  );
}

function namespaceRef(name: string) {
  return { apiVersion: 'v1', kind: 'Namespace', name };
}
