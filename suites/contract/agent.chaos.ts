import {
  cpuStress,
  diskFull,
  instanceFrozen,
  ioHang,
  ioLatency,
  memoryPressure,
  networkLatency,
  packetLoss,
  partition,
  processSignal,
} from '@cnpg-chaos/chaos-kit';
import { contract, primaryName, replicaName, row } from './contract.ts';
import { podNetworkProbe } from './pod-network.ts';
import { addressOf, instanceProbe, replayProbe, sqlProbe } from './probes.ts';

type Cluster = Parameters<typeof primaryName>[0];

const between = async (cluster: Cluster) =>
  podNetworkProbe(cluster, await primaryName(cluster), await replicaName(cluster, 0));

const works = () => true;

// A transaction that wrote nothing but its id is not waited for at its commit; this one is.
const flushProbe = (cluster: Cluster) =>
  sqlProbe(cluster, { sql: "SELECT pg_logical_emit_message(true, 'contract', 'x')::text AS value" });

contract('agent', [
  row({
    fault: partition,
    options: { to: 'all-replicas' },
    probe: between,
    effect: { before: 'fails', fresh: 'fails', delivered: { to: 0, from: 0 } },
  }),
  row({
    fault: partition,
    options: { to: { replica: 0 }, oneWay: true },
    probe: between,
    effect: { before: 'fails', fresh: 'fails', delivered: { to: 0, from: 1 } },
  }),
  row({
    fault: partition,
    options: { from: { replica: 0 }, to: 'primary', oneWay: true },
    probe: between,
    // What the primary sends still arrives for a while; nobody acknowledges it.
    effect: { before: works, fresh: 'fails', delivered: { to: 1, from: 0 } },
  }),
  row({
    fault: partition,
    options: { to: { replica: 0 }, how: 'reject' },
    probe: between,
    // Told at once instead of waiting: a timeout would take 2 s.
    effect: {
      before: 'fails',
      fresh: ({ works: it, what }) => !it && what.includes('is refused'),
      delivered: { to: 0, from: 0 },
    },
  }),
  row({
    fault: partition,
    options: { from: { replica: 0 }, to: 'everything' },
    probe: between,
    effect: { before: 'fails', fresh: 'fails', delivered: { to: 0, from: 0 } },
  }),
  row({
    fault: partition,
    options: { from: 'operator', to: { replica: 0 } },
    probe: between,
    // Between the instances nothing changes.
    effect: { before: 'works', fresh: 'works', delivered: { to: 1, from: 1 } },
  }),
  row({
    fault: networkLatency,
    options: { to: { replica: 0 }, latency: '250ms' },
    probe: between,
    // A connection takes a round trip: 250 ms each way.
    effect: { before: works, fresh: ({ works: it, tookMs }) => it && tookMs >= 500, delivered: { to: 1, from: 1 } },
  }),
  row({
    fault: packetLoss,
    options: { to: { replica: 0 }, percent: 50, oneWay: true },
    probe: between,
    effect: { before: works, fresh: works, delivered: { to: (share) => share > 0.1 && share < 0.9, from: 1 } },
  }),
  row({
    fault: instanceFrozen,
    options: { target: { replica: 0 } },
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: processSignal,
    options: { target: { replica: 0 }, process: 'walreceiver', signal: 'STOP' },
    probe: async (cluster) => replayProbe(cluster, await replicaName(cluster, 0)),
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: processSignal,
    options: { target: { replica: 0 }, process: 'postmaster' },
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
    // The manager starts the server anew within a second or two.
    effect: { before: 'fails', fresh: works },
    fineWithinMs: 120_000,
  }),
  row({
    fault: diskFull,
    options: { target: { replica: 0 }, leave: 1_000_000 },
    // A sort that does not fit into memory needs room on the volume.
    probe: async (cluster) =>
      sqlProbe(cluster, {
        host: async () => addressOf(cluster, await replicaName(cluster, 0)),
        sql: 'SELECT count(*)::int AS value FROM (SELECT g FROM generate_series(1, 300000) g ORDER BY -g) sorted',
      }),
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: ioLatency,
    options: { latency: '500ms' },
    probe: flushProbe,
    effect: { before: ({ works: it, tookMs }) => it && tookMs > 200, fresh: works },
  }),
  row({
    fault: ioHang,
    options: {},
    probe: flushProbe,
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: cpuStress,
    options: { target: { replica: 0 }, workers: 2 },
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
    // Slower, by how much depends on the machine; the fault's own evidence measures what the workers get.
    effect: { before: 'works', fresh: 'works' },
  }),
  row({
    fault: memoryPressure,
    options: { target: { replica: 0 }, mebibytes: 64 },
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
    effect: { before: 'works', fresh: 'works' },
  }),
]);
