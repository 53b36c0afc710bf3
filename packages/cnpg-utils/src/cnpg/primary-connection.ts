import type pg from 'pg';
import type { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import { openForward } from '../kube/forward.ts';
import type { NamespacedName } from '../kube/refs.ts';
import { closeClient, connect, type ConnectOptions } from '../postgres/connect.ts';
import { currentPrimary, NoPrimaryError } from './instances.ts';
import { appCredentials } from './secrets.ts';

/** A connection to a cluster's primary. Leaving its `await using` block closes it. */
export interface PrimaryConnection extends AsyncDisposable {
  readonly client: pg.Client;
}

/** Options of {@link connectPrimary}. */
export interface ConnectPrimaryOptions extends Partial<
  Omit<ConnectOptions, 'host' | 'port' | 'user' | 'password' | 'ca'>
> {
  /** `superuser` needs `enableSuperuserAccess` in the cluster. @default 'app' */
  user?: 'app' | 'superuser';
  /**
   * `service`: to the address of the `-rw` service. `pod`: to the address of the pod that the status names. `forward`: to
   * that pod through the API server, from where no pod can be reached; not for measuring. @default 'service'
   */
  via?: 'service' | 'pod' | 'forward';
}

/**
 * Connects to the primary of a cluster, with the credentials from its secrets, and checks its certificate.
 *
 * @example await using primary = await connectPrimary(kube, ref);
 * @throws ConnectError; NoPrimaryError; KubeError, also when the cluster gives no superuser a login
 */
export async function connectPrimary(
  kube: KubeClient,
  ref: NamespacedName,
  options: ConnectPrimaryOptions = {},
): Promise<PrimaryConnection> {
  const { user = 'app', via = 'service', signal, ...rest } = options;
  const call = signal === undefined ? {} : { signal };
  const { superuser, ...app } = await appCredentials(kube, ref, call);
  const login = user === 'app' ? app : superuser;
  if (login === undefined) {
    throw new KubeError(`Cluster ${ref.namespace}/${ref.name} gives no superuser a login: set enableSuperuserAccess`);
  }
  const way = via === 'service' ? { host: app.host, port: app.port } : await wayToPod();
  try {
    const client = await connect({
      database: user === 'app' ? app.database : 'postgres',
      applicationName: 'cnpg-utils',
      serverName: app.serverName,
      sslmode: 'verify-full',
      ...rest,
      ...call,
      host: way.host,
      port: way.port,
      ca: app.ca,
      user: login.user,
      password: login.password,
    });
    const close = async (): Promise<void> => {
      await closeClient(client);
      await way.close?.();
    };
    return { client, [Symbol.asyncDispose]: close };
  } catch (error) {
    await way.close?.();
    throw error;
  }

  async function wayToPod(): Promise<{ host: string; port: number; close?: () => Promise<void> }> {
    const { name, pod } = await currentPrimary(kube, ref, call);
    if (via === 'forward') {
      return await openForward(kube, { namespace: ref.namespace, pod: pod.name, uid: pod.uid, port: app.port }, call);
    }
    if (pod.ip === undefined) throw new NoPrimaryError(`the primary ${name} has no address yet`);
    return { host: pod.ip, port: app.port };
  }
}
