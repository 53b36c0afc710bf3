import { appCredentials, closeClient, connect, ConnectError, type KubeClient } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { exhaustConnections } from '../engines/kubernetes/exhaust-connections.ts';
import { primary } from '../targets/primary.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import type { Observation } from './observation.ts';

/**
 * Every connection of the primary that an application may have is taken by idle sessions. Sessions that are open go on;
 * whoever reconnects is refused (SQLSTATE 53300). The slots that are reserved for superusers stay free.
 */
export const connectionsExhausted = defineFault({
  name: 'connections-exhausted',
  options: z.object({}),
  target: primary(),
  engines: { kubernetes: () => exhaustConnections() },
  unsupported: { 'chaos-mesh': 'it does not speak to PostgreSQL' },
  needs: { kubernetes: ['get secrets', 'create pods/exec'] },
  occupies: ({ targets }) => targets.map(({ uid }) => `connections of pod ${uid}`),
  evidence: {
    async effect({ kube, cluster }, signal) {
      const { how, what } = await tryToConnect(kube, cluster, signal);
      return { seen: how === 'too-many-connections', what };
    },
    async healed({ kube, cluster }, signal) {
      const { how, what } = await tryToConnect(kube, cluster, signal);
      return { seen: how === 'connected', what };
    },
  },
});

async function tryToConnect(
  kube: KubeClient,
  cluster: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<{ how: string } & Pick<Observation, 'what'>> {
  const { user, password, database, ca, host, port } = await appCredentials(kube, cluster, { signal });
  try {
    const client = await connect({
      user,
      password,
      database,
      ca,
      host,
      port,
      signal,
      applicationName: 'cnpg-chaos-probe',
    });
    await closeClient(client);
    return { how: 'connected', what: 'a new connection is accepted' };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ConnectError)) throw error;
    return { how: error.failure, what: `a new connection is refused: ${error.message}` };
  }
}

/** Runs the body with no connection left for applications; see `connectionsExhausted`. */
export const withConnectionsExhausted = fixture(connectionsExhausted);
