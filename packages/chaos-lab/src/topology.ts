import { addressIn, formatCidr, parseCidr, subnetIn } from './cidr.ts';

/** One node container of the lab. */
export interface TopologyNode {
  /** `control-plane`, `w1`, `w2`, `w3`: the Kubernetes node name of a worker. */
  readonly name: string;
  readonly role: 'control-plane' | 'worker';
  /** Container name, `<lab>-<node>`. */
  readonly container: string;
  /** Address in the lab's Docker network. */
  readonly address: string;
  /** Pod network of this node; workers only. */
  readonly podCidr?: string;
  /** `topology.kubernetes.io/zone`; workers only. */
  readonly zone?: string;
}

/** Names and addresses of a lab. They are fixed, so that a node restarts without asking anybody. */
export interface Topology {
  readonly lab: string;
  /** Which set of networks the lab uses: 0 for the lab of the default name. */
  readonly slot: number;
  /** Docker network name. */
  readonly network: string;
  /** Linux bridge of that network, at most 15 characters. */
  readonly bridge: string;
  readonly subnet: string;
  readonly podNetwork: string;
  readonly serviceNetwork: string;
  readonly apiServiceAddress: string;
  readonly dnsAddress: string;
  /** `https://…:6443` */
  readonly server: string;
  /** Folder in the nodes for the files behind volumes. Carries the lab's name: the host's loop devices show it. */
  readonly volumeRoot: string;
  readonly controlPlane: TopologyNode;
  readonly workers: readonly TopologyNode[];
  readonly nodes: readonly TopologyNode[];
}

/** Docker label that carries the lab's name on its containers and its network. */
export const labLabel = 'cnpg-chaos/lab';
/** Docker label that carries the key of what a node container was made of. */
export const nodeKeyLabel = 'cnpg-chaos/node-key';

/** How many labs one host can have at a time. */
export const slotCount = 8;
const workerCount = 3;

/** Folder of a lab's volumes in its nodes. */
export const volumeRootOf = (lab: string): string => `/var/lib/lab/${lab}`;

/** The topology of the lab called `lab` in the networks of `slot`: 172.31, 10.244 and 10.96 for slot 0, the next ones for others. */
export function topologyOf(lab: string, slot: number): Topology {
  const nodeNetwork = parseCidr(`172.${31 - slot}.0.0/16`);
  const podNetwork = parseCidr(`10.${244 - slot}.0.0/16`);
  const serviceNetwork = parseCidr(`10.${96 + slot}.0.0/16`);
  const controlPlane: TopologyNode = {
    name: 'control-plane',
    role: 'control-plane',
    container: `${lab}-control-plane`,
    address: addressIn(nodeNetwork, 10),
  };
  const workers = Array.from({ length: workerCount }, (_, index): TopologyNode => {
    const number = index + 1;
    return {
      name: `w${number}`,
      role: 'worker',
      container: `${lab}-w${number}`,
      address: addressIn(nodeNetwork, 10 + number),
      podCidr: formatCidr(subnetIn(podNetwork, 24, number)),
      zone: `zone-${number}`,
    };
  });
  return {
    lab,
    slot,
    volumeRoot: volumeRootOf(lab),
    network: lab,
    bridge: `labbr${slot}`,
    subnet: formatCidr(nodeNetwork),
    podNetwork: formatCidr(podNetwork),
    serviceNetwork: formatCidr(serviceNetwork),
    apiServiceAddress: addressIn(serviceNetwork, 1),
    dnsAddress: addressIn(serviceNetwork, 10),
    server: `https://${controlPlane.address}:6443`,
    controlPlane,
    workers,
    nodes: [controlPlane, ...workers],
  };
}
