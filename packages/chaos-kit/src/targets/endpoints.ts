import { listInstances, psqlRows, serviceClusterIp, serviceEndpoints } from '@cnpg-chaos/cnpg-utils';
import { rolesOf } from './instances.ts';
import { type EndpointTarget, TargetError, type TargetSelector } from './target.ts';

const apiService = { namespace: 'default', name: 'kubernetes' };

/**
 * The API server: the address of the Service `kubernetes` and the addresses behind it. Both are needed to cut somebody
 * off from it, since a packet carries the one before and the other after the node has translated it.
 */
export function apiServer(): TargetSelector<EndpointTarget> {
  return {
    description: 'API server',
    async resolve({ kube }, signal) {
      const [service, behind] = await Promise.all([
        serviceClusterIp(kube, apiService, { signal }),
        serviceEndpoints(kube, apiService, { signal }),
      ]);
      return [endpoint('API server', 'kubernetes', [service, ...behind.map(({ ip }) => ip)])];
    },
  };
}

/**
 * Whoever is connected to the primary as a client over the network, by the address that the primary sees; the instances
 * and the operator are left out. A client that connects later from another address is not among them.
 */
export function clients(): TargetSelector<EndpointTarget> {
  return {
    description: 'clients',
    async resolve(context, signal) {
      const { kube, cluster } = context;
      const { primary } = await rolesOf(context, signal);
      if (primary === undefined) throw new TargetError('clients: the primary has no pod to ask');
      const rows = await psqlRows<{ address: string }>(
        kube,
        { namespace: cluster.namespace, name: primary.pod.name },
        "SELECT DISTINCT host(client_addr) AS address FROM pg_stat_activity WHERE backend_type = 'client backend' AND client_addr IS NOT NULL",
        { signal },
      );
      const own = new Set((await listInstances(kube, cluster, { signal })).map(({ pod }) => pod.ip));
      const addresses = rows.map(({ address }) => address).filter((address) => !own.has(address));
      if (addresses.length === 0) throw new TargetError(`clients: nobody is connected to ${primary.name}`);
      return [endpoint('clients', 'clients', addresses)];
    },
  };
}

/** These addresses, whoever has them. */
export function addresses(list: readonly string[]): TargetSelector<EndpointTarget> {
  return {
    description: `addresses ${list.join(', ')}`,
    resolve: () => Promise.resolve([endpoint('addresses', list.join(','), list)]),
  };
}

function endpoint(role: string, name: string, list: readonly string[]): EndpointTarget {
  const sorted = [...new Set(list)].toSorted();
  return { kind: 'endpoint', role, name, uid: sorted.join(','), addresses: sorted };
}
