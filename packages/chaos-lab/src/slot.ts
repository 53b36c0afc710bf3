import { parseCidr, overlaps } from './cidr.ts';
import type { DockerNetwork } from './docker.ts';
import { checkNetworks, type HostRoute } from './host-network.ts';
import { defaultLabName } from './lab-name.ts';
import type { LabRecord } from './state-dir.ts';
import { slotCount, topologyOf, type Topology } from './topology.ts';

/** What {@link chooseTopology} decides by. */
export interface SlotInput {
  lab: string;
  record: LabRecord | undefined;
  routes: readonly HostRoute[];
  networks: readonly DockerNetwork[];
}

/**
 * The topology of a lab on this host. A lab keeps its networks; the one of the default name always has the first ones,
 * any other gets the first that are free. Throws {@link LabError} `OTHER_LAB` or `SUBNET_IN_USE` when somebody else has them.
 */
export function chooseTopology({ lab, record, routes, networks }: SlotInput): Topology {
  const checked = (slot: number): Topology => {
    const topology = topologyOf(lab, slot);
    checkNetworks(topology, routes, networks);
    return topology;
  };
  if (lab === defaultLabName) return checked(0);
  if (record) return checked(record.slot);
  const own = networks.find((network) => network.lab === lab);
  const slots = Array.from({ length: slotCount - 1 }, (_, index) => index + 1);
  const used = slots.find((slot) =>
    own?.subnets.some((subnet) => overlaps(parseCidr(subnet), parseCidr(topologyOf(lab, slot).subnet))),
  );
  if (used !== undefined) return checked(used);
  let refused: unknown;
  for (const slot of slots) {
    try {
      return checked(slot);
    } catch (error) {
      refused = error;
    }
  }
  throw refused;
}
