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

const otherSlots = Array.from({ length: slotCount - 1 }, (_, index) => index + 1);

/**
 * Which networks a lab has: the one of the default name always has the first ones, any other those of its record or of
 * its Docker network. Undefined when nothing tells: then it has none, and must not be taken for the owner of any.
 */
export function knownSlot({ lab, record, networks }: Omit<SlotInput, 'routes'>): number | undefined {
  if (lab === defaultLabName) return 0;
  if (record && record.slot > 0) return record.slot;
  const subnets = networks.filter((network) => network.lab === lab).flatMap((network) => network.subnets);
  return otherSlots.find((slot) =>
    subnets.some((subnet) => overlaps(parseCidr(subnet), parseCidr(topologyOf(lab, slot).subnet))),
  );
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
  const known = knownSlot({ lab, record, networks });
  if (known !== undefined) return checked(known);
  let refused: unknown;
  for (const slot of otherSlots) {
    try {
      return checked(slot);
    } catch (error) {
      refused = error;
    }
  }
  throw refused;
}
