import {
  connectionsExhausted,
  controlPlaneDown,
  cpuStress,
  diskFull,
  type EngineName,
  type Fault,
  type FaultOptions,
  fencing,
  instanceFrozen,
  ioLatency,
  memoryPressure,
  nodeClosed,
  nodeDown,
  nodeDrained,
  operatorDown,
  type OptionsSchema,
  partition,
  replayPaused,
  replicaKilled,
} from '@cnpg-chaos/chaos-kit';

/** A family of faults, represented by one that is cheap to inject and to heal. */
export interface Family {
  readonly name: string;
  readonly engine: EngineName;
  readonly fault: Fault;
  readonly options: FaultOptions<OptionsSchema>;
  /** How the leak detector calls it; missing for what leaves nothing that could leak. */
  readonly leak?: RegExp;
  /** Cannot be in force beside the others: it takes away what they hit. */
  readonly alone?: true;
  /** Scenarios that mean nothing for it, with the reason. */
  readonly not?: Readonly<Record<string, string>>;
}

function family<S extends OptionsSchema>(
  one: Omit<Family, 'fault' | 'options'> & { fault: Fault<S>; options: FaultOptions<S> },
): Family {
  // checked against the fault here, where it is written
  return one as unknown as Family;
}

const noDaemon = { 'engine daemon restarted': 'the engine has no daemon: it is the API server' };

/** One line per family, in the order in which they are put in force together. */
export const families: readonly Family[] = [
  family({
    name: 'network by agent',
    engine: 'agent',
    fault: partition,
    options: { from: { replica: 0 }, to: 'primary' },
    leak: /^cut partition-\w+/,
  }),
  family({
    name: 'network by chaos-mesh',
    engine: 'chaos-mesh',
    fault: partition,
    options: { from: { replica: 0 }, to: { replica: 1 } },
    leak: /^NetworkChaos .*\/partition-\w+/,
  }),
  family({
    name: 'replay paused',
    engine: 'kubernetes',
    fault: replayPaused,
    options: { target: { replica: 0 } },
    leak: /^replay is paused on/,
    not: noDaemon,
  }),
  family({
    name: 'cpu',
    engine: 'agent',
    fault: cpuStress,
    options: { target: { replica: 0 }, workers: 1 },
    leak: /^hog cpu-stress-\w+/,
  }),
  family({
    name: 'slow writes',
    engine: 'agent',
    fault: ioLatency,
    options: { target: { replica: 1 }, latency: '20ms' },
    leak: /^throttle io-latency-\w+/,
  }),
  family({
    name: 'memory',
    engine: 'agent',
    fault: memoryPressure,
    options: { target: { replica: 0 }, mebibytes: 32 },
    leak: /^hog memory-pressure-\w+/,
  }),
  family({
    name: 'disk',
    engine: 'agent',
    fault: diskFull,
    // PostgreSQL goes on: what is looked for is the file
    options: { target: { replica: 1 }, leave: 400_000_000 },
    leak: /^fill disk-full-\w+/,
  }),
  // its sessions end with the process that holds them: nothing can leak when everybody is killed
  family({
    name: 'connections',
    engine: 'kubernetes',
    fault: connectionsExhausted,
    options: {},
    not: noDaemon,
  }),
  family({
    name: 'node taint',
    engine: 'kubernetes',
    fault: nodeClosed,
    options: { target: { nodeOf: { replica: 1 } } },
    leak: /^Node .* edited by node-closed-\w+/,
    not: noDaemon,
  }),
  family({
    name: 'fencing',
    engine: 'kubernetes',
    fault: fencing,
    options: { target: { replica: 1 } },
    leak: /^Cluster .* edited by fencing-\w+/,
    not: noDaemon,
  }),
  family({
    name: 'operator scaled down',
    engine: 'kubernetes',
    fault: operatorDown,
    options: { mode: 'scale' },
    leak: /^Deployment .* edited by operator-down-\w+/,
    not: noDaemon,
  }),
  family({
    name: 'control plane',
    engine: 'lab',
    fault: controlPlaneDown,
    options: { component: 'kube-scheduler' },
    leak: /kube-scheduler on control-plane is kept from running/,
    not: { 'engine daemon restarted': 'the engine has no daemon: it is the machine' },
  }),
  family({
    name: 'frozen',
    engine: 'agent',
    fault: instanceFrozen,
    options: { target: { replica: 0 } },
    leak: /^freeze instance-frozen-\w+/,
    // nobody can look into an instance that stands still: the leaks of other engines in it stay unseen meanwhile
    alone: true,
  }),
  family({
    name: 'node power',
    engine: 'lab',
    fault: nodeDown,
    options: { target: { nodeOf: { replica: 0 } }, how: 'power-off' },
    leak: /^machine /,
    alone: true,
    not: { 'engine daemon restarted': 'the engine has no daemon: it is the machine' },
  }),
  family({
    name: 'node drained',
    engine: 'kubernetes',
    fault: nodeDrained,
    options: { node: { nodeOf: { replica: 1 } } },
    leak: /^Node .* edited by node-drained-\w+/,
    alone: true,
    not: noDaemon,
  }),
  family({
    name: 'pod',
    engine: 'chaos-mesh',
    fault: replicaKilled,
    options: { index: 0 },
    leak: /^PodChaos .*\/replica-killed-\w+/,
    alone: true,
  }),
];

/** The families with these names, in the order of the list. All when none is named. */
export function familiesNamed(names: readonly string[]): readonly Family[] {
  return names.length === 0 ? families : families.filter(({ name }) => names.includes(name));
}
