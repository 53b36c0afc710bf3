import {
  connectionsExhausted,
  fencing,
  instanceKilled,
  nodeDrained,
  operatorDown,
  replayPaused,
  switchover,
  volumeDeleted,
} from '@cnpg-chaos/chaos-kit';
import { contract, primaryName, replicaName, row } from './contract.ts';
import { webhookProbe } from './control-plane-probes.ts';
import { podFailed, postmasterKilled, postmasterStopped } from './engine-faults.ts';
import { instanceProbe, replayProbe, standbysProbe, writeProbe } from './probes.ts';

contract('kubernetes', [
  row({
    fault: instanceKilled,
    options: { target: 'primary' },
    probe: async (cluster) => instanceProbe(cluster, await primaryName(cluster)),
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: instanceKilled,
    options: { target: { replica: 0 }, by: 'eviction', gracePeriodSeconds: 1 },
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: operatorDown,
    options: { mode: 'scale' },
    probe: webhookProbe,
    leaves: /^Deployment .* was edited by operator-down-/,
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: operatorDown,
    options: { mode: 'kill' },
    probe: webhookProbe,
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: switchover,
    options: { to: { replica: 0 } },
    probe: writeProbe,
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: fencing,
    options: { target: { replica: 0 } },
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
    leaves: /^Cluster .* was edited by fencing-/,
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: fencing,
    options: { target: 'primary' },
    probe: writeProbe,
    leaves: /^Cluster .* was edited by fencing-/,
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: connectionsExhausted,
    options: {},
    probe: writeProbe,
    leaves: /^sessions cnpg-chaos-fault\/connections-exhausted-/,
    effect: { before: 'works', fresh: 'fails' },
  }),
  row({
    fault: replayPaused,
    options: { target: { replica: 0 } },
    probe: async (cluster) => replayProbe(cluster, await replicaName(cluster, 0)),
    leaves: /^replay is paused on /,
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: nodeDrained,
    options: { node: { nodeOf: { replica: 1 } } },
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 1)),
    leaves: /^Node .* was edited by node-drained-/,
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: nodeDrained,
    options: { node: { nodeOf: 'primary' } },
    probe: async (cluster) => instanceProbe(cluster, await primaryName(cluster)),
    leaves: /^Node .* was edited by node-drained-/,
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: volumeDeleted,
    options: { target: { replica: 1 } },
    probe: (cluster) => standbysProbe(cluster, 2),
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: postmasterStopped,
    options: {},
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
    // Backends that are there already go on without it.
    leaves: /^the postmaster of .* is stopped/,
    effect: { before: 'works', fresh: 'fails' },
  }),
  row({
    fault: postmasterKilled,
    options: {},
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
    effect: { before: 'fails', fresh: 'fails' },
  }),
  row({
    fault: podFailed,
    options: {},
    probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 1)),
    effect: { before: 'fails', fresh: 'fails' },
  }),
]);
