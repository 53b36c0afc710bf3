import { clockSkewed, containerKilled, instanceKilled, partition } from '@cnpg-chaos/chaos-kit';
import { contract, primaryName, replicaName, row } from './contract.ts';
import { podNetworkProbe } from './pod-network.ts';
import { clockProbe, instanceProbe } from './probes.ts';

type Cluster = Parameters<typeof primaryName>[0];

const between = async (cluster: Cluster) =>
  podNetworkProbe(cluster, await primaryName(cluster), await replicaName(cluster, 0));

contract('chaos-mesh', [
  row({
    fault: instanceKilled,
    leaves: /^PodChaos /,
    options: { target: { replica: 0 } },
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: containerKilled,
    leaves: /^PodChaos /,
    options: { target: { replica: 1 } },
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 1)),
    effect: { before: 'fails', fresh: 'fails' },
    fineWithinMs: 120_000,
  }),
  row({
    fault: partition,
    leaves: /^NetworkChaos /,
    options: { from: 'primary', to: 'all-replicas' },
    probe: between,
    effect: { before: 'fails', fresh: 'fails', delivered: { to: 0, from: 0 } },
  }),
  row({
    fault: partition,
    leaves: /^NetworkChaos /,
    options: { from: 'primary', to: { replica: 0 }, oneWay: true },
    probe: between,
    effect: { before: 'fails', fresh: 'fails', delivered: { to: 0, from: 1 } },
  }),
  row({
    fault: partition,
    leaves: /^NetworkChaos /,
    options: { from: { replica: 0 }, to: 'primary', oneWay: true },
    probe: between,
    // The stream is written into the void's buffer; what the primary sends still arrives for a while.
    effect: { before: () => true, fresh: 'fails', delivered: { to: 1, from: 0 } },
  }),
  row({
    fault: partition,
    leaves: /^NetworkChaos /,
    options: { from: { replica: 0 }, to: 'everything' },
    probe: between,
    effect: { before: 'fails', fresh: 'fails', delivered: { to: 0, from: 0 } },
  }),
  row({
    fault: partition,
    leaves: /^NetworkChaos /,
    options: { from: 'primary', to: ['all-replicas', 'api-server'] },
    probe: between,
    effect: { before: 'fails', fresh: 'fails', delivered: { to: 0, from: 0 } },
  }),
  row({
    fault: partition,
    leaves: /^NetworkChaos /,
    options: { from: 'operator', to: { replica: 0 } },
    probe: between,
    // Between the instances nothing changes.
    effect: { before: 'works', fresh: 'works', delivered: { to: 1, from: 1 } },
  }),
  row({
    fault: clockSkewed,
    leaves: /^TimeChaos /,
    options: { target: { replica: 0 }, offset: '5m' },
    probe: async (cluster) => clockProbe(cluster, await replicaName(cluster, 0)),
    // Sessions that were open may have been changed as well.
    effect: { before: () => true, fresh: 'fails' },
  }),
]);
