import type { V1Secret } from '@kubernetes/client-node';
import type { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import type { CallOptions, NamespacedName } from '../kube/refs.ts';
import { findCluster } from './cluster.ts';
import { labels, names } from './constants.ts';
import { serviceClusterIp } from './services.ts';

/** User and password. */
export interface Credentials {
  user: string;
  password: string;
}

/** What a client needs to connect to a cluster as its application. */
export interface AppCredentials extends Credentials {
  database: string;
  /** Address of the `-rw` service. */
  host: string;
  port: number;
  /** Certificate authority of the servers, PEM. */
  ca: string;
  /** A name that the servers' certificates carry, for `verify-full` when connecting to an address. */
  serverName: string;
  /** Only when the cluster was created with `enableSuperuserAccess: true`. */
  superuser?: Credentials;
}

/**
 * Reads how to connect to a cluster from the secrets that the operator made.
 *
 * @throws NotFoundError while the operator has not made them yet; KubeError when one lacks a key
 */
export async function appCredentials(
  kube: KubeClient,
  ref: NamespacedName,
  options: CallOptions = {},
): Promise<AppCredentials> {
  const { namespace } = ref;
  const secret = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', namespace, name });
  const service = names.readWriteService(ref.name);
  const [app, ca, superuser, host] = await Promise.all([
    kube.get<V1Secret>(secret(names.appSecret(ref.name)), options),
    caSecretOf(kube, ref, options).then((name) => kube.get<V1Secret>(secret(name), options)),
    kube.find<V1Secret>(secret(names.superuserSecret(ref.name)), options),
    serviceClusterIp(kube, { namespace, name: service }, options),
  ]);
  return {
    user: secretText(app, 'username'),
    password: secretText(app, 'password'),
    database: secretText(app, 'dbname'),
    host,
    port: Number(secretText(app, 'port')),
    ca: secretText(ca, 'ca.crt'),
    serverName: service,
    ...(superuser === undefined
      ? {}
      : { superuser: { user: secretText(superuser, 'username'), password: secretText(superuser, 'password') } }),
  };
}

// A cluster with an authority of its owner's has no Secret of the usual name.
async function caSecretOf(kube: KubeClient, ref: NamespacedName, options: CallOptions): Promise<string> {
  const certificates = (await findCluster(kube, ref, options))?.status?.['certificates'];
  const { serverCASecret } = (certificates ?? {}) as { serverCASecret?: string };
  return serverCASecret ?? names.caSecret(ref.name);
}

/**
 * One value of a secret as text.
 *
 * @throws KubeError when it has no such key
 */
export function secretText(secret: V1Secret, key: string): string {
  const value = secret.data?.[key];
  if (value === undefined) {
    const { namespace, name } = secret.metadata ?? {};
    const keys = Object.keys(secret.data ?? {}).join(', ') || 'none';
    throw new KubeError(`Secret ${namespace ?? '?'}/${name ?? '?'} has no key ${key}; it has: ${keys}`);
  }
  return Buffer.from(value, 'base64').toString('utf8');
}

/**
 * Stores a certificate authority of one's own where a cluster looks for it (`certificates.serverCASecret`,
 * `certificates.clientCASecret`). A change of it reloads the cluster.
 *
 * @param authority made by `selfSignedCertificate({ authority: true })`; without its key the operator signs nothing with it,
 * and the certificates of servers and replication have to be given, too
 * @throws ConflictError when there is a Secret of that name
 */
export async function createCaSecret(
  kube: KubeClient,
  ref: NamespacedName,
  authority: { cert: string; key?: string },
  options: CallOptions = {},
): Promise<void> {
  const { cert, key } = authority;
  const values = { 'ca.crt': cert, ...(key === undefined ? {} : { 'ca.key': key }) };
  await createSecret(kube, ref, values, { ...options, labels: { [labels.reload]: 'true' } });
}

/** Creates a Secret from texts. @throws ConflictError when there is one of that name */
export async function createSecret(
  kube: KubeClient,
  ref: NamespacedName,
  values: Readonly<Record<string, string>>,
  options: CallOptions & { labels?: Record<string, string> } = {},
): Promise<void> {
  const { labels: own, ...call } = options;
  const metadata = { namespace: ref.namespace, name: ref.name, ...(own === undefined ? {} : { labels: own }) };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { ...values } };
  await kube.create<V1Secret>(secret, call);
}
