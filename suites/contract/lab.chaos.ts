import { apiLatencyFault, apiServerDown, controlPlaneDown, nodeDown } from '@cnpg-chaos/chaos-kit';
import { contract, replicaName, row } from './contract.ts';
import { apiProbe, controllerProbe, kubeletProbe, schedulerProbe } from './control-plane-probes.ts';
import { instanceProbe } from './probes.ts';

const both = { before: 'fails', fresh: 'fails' } as const;
const target = { nodeOf: { replica: 0 } } as const;

contract('lab', [
  ...(['power-off', 'freeze', 'isolate'] as const).map((how) =>
    row({
      fault: nodeDown,
      options: { target, how },
      probe: async (cluster) => instanceProbe(cluster, await replicaName(cluster, 0)),
      effect: both,
      leaves: /^machine /,
      fineWithinMs: 120_000,
    }),
  ),
  row({
    fault: nodeDown,
    options: { target, how: 'kubelet-stop' },
    probe: async (cluster) => kubeletProbe(cluster, await replicaName(cluster, 0)),
    effect: both,
    leaves: /kubelet on /,
  }),
  ...(['stop', 'freeze'] as const).flatMap((how) => [
    row({ fault: apiServerDown, options: { how }, probe: (cluster) => apiProbe(cluster), effect: both }),
    row({
      fault: controlPlaneDown,
      options: { component: 'etcd', how },
      probe: (cluster) => apiProbe(cluster),
      effect: both,
    }),
    row({
      fault: controlPlaneDown,
      options: { component: 'kube-scheduler', how },
      probe: schedulerProbe,
      effect: both,
      leaves: /kube-scheduler on /,
    }),
    row({
      fault: controlPlaneDown,
      options: { component: 'kube-controller-manager', how },
      probe: controllerProbe,
      effect: both,
      leaves: /kube-controller-manager on /,
    }),
  ]),
  row({
    fault: apiLatencyFault,
    options: { latency: '300ms' },
    probe: (cluster) => apiProbe(cluster, 250),
    effect: both,
    measure: ({ evidence }, look) =>
      `asked for 300 ms, a read takes ${Math.round(look.fresh.tookMs)} ms; ${evidence.what}`,
  }),
]);
