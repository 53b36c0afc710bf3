import { existsSync } from 'node:fs';
import { overlaps, parseCidr } from './cidr.ts';
import { dockerNetworks, docker, type DockerNetwork } from './docker.ts';
import { LabError } from './errors.ts';
import { tryRun } from './run.ts';
import { labLabel, type Topology } from './topology.ts';

/** A route of the host's main table. */
export interface HostRoute {
  destination: string;
  device: string;
  via: string;
}

/** A route that the host needs because of the lab. */
export interface LabRoute {
  destination: string;
  /** Address of a node, or {@link nowhere}. */
  via: string;
}

/**
 * In place of a gateway: traffic to the lab ends here with an error when no better route is left, because a bridge or a
 * node is gone. Otherwise what is meant for the lab would leave the host by its default gateway.
 */
export const nowhere = 'nowhere';

/** Marks the lab's own unreachable routes, and makes every other route better. */
const nowhereMetric = '9753';

/** Routes by which the host reaches pods (through their node) and services (through the control plane, which masquerades). */
export function labRoutes(topology: Topology): LabRoute[] {
  return [
    ...topology.workers.map((node) => ({ destination: node.podCidr ?? '', via: node.address })),
    { destination: topology.serviceNetwork, via: topology.controlPlane.address },
    ...[topology.subnet, topology.podNetwork, topology.serviceNetwork].map((destination) => ({
      destination,
      via: nowhere,
    })),
  ];
}

/** Parses `ip -4 route show`. */
export function parseRoutes(text: string): HostRoute[] {
  return text.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const after = (word: string): string => {
      const index = words.indexOf(word);
      return index < 0 ? '' : (words[index + 1] ?? '');
    };
    const [first = '', second = ''] = words;
    if (first === 'unreachable' && after('metric') === nowhereMetric) {
      return [{ destination: second, device: '', via: nowhere }];
    }
    if (!/^\d/.test(first)) return []; // default, blackhole, unreachable, …
    return [{ destination: first.includes('/') ? first : `${first}/32`, device: after('dev'), via: after('via') }];
  });
}

/**
 * Checks that nobody else uses the lab's networks. Throws {@link LabError} `OTHER_LAB` or `SUBNET_IN_USE` naming the
 * network and its user.
 */
export function checkNetworks(
  topology: Topology,
  routes: readonly HostRoute[],
  networks: readonly DockerNetwork[],
): void {
  const wanted = [topology.subnet, topology.podNetwork, topology.serviceNetwork];
  for (const network of networks) {
    if (network.name === topology.network && network.lab === topology.lab) continue;
    for (const subnet of network.subnets.filter((text) => !text.includes(':'))) {
      const hit = wanted.find((own) => overlaps(parseCidr(own), parseCidr(subnet)));
      if (hit === undefined) continue;
      if (network.lab !== '') {
        throw new LabError(
          'OTHER_LAB',
          `another lab, '${network.lab}', uses ${subnet}; end it with 'npx chaos-lab down --name ${network.lab}'`,
        );
      }
      throw new LabError(
        'SUBNET_IN_USE',
        `Docker network '${network.name}' uses ${subnet}, which overlaps the lab's ${hit}; remove it with 'docker network rm ${network.name}'`,
      );
    }
  }
  for (const route of routes) {
    if (route.device === topology.bridge || route.via === nowhere) continue;
    const hit = wanted.find((own) => overlaps(parseCidr(own), parseCidr(route.destination)));
    // A wider route than ours is no collision: ours are more specific and win.
    if (hit === undefined || parseCidr(route.destination).bits < parseCidr(hit).bits) continue;
    throw new LabError(
      'SUBNET_IN_USE',
      `the host routes ${route.destination} to '${route.device}', which overlaps the lab's ${hit}; a lab of another name gets other networks (npx chaos-lab up --name …)`,
    );
  }
}

/** The host's IPv4 routes. */
export async function hostRoutes(): Promise<HostRoute[]> {
  const { exitCode, stdout, stderr } = await tryRun(['ip', '-4', 'route', 'show']);
  if (exitCode !== 0) throw new LabError('COMMAND', `'ip -4 route show' failed: ${stderr.trim()}`);
  return parseRoutes(stdout);
}

/** Makes the lab's Docker network unless it is there as it should be. Returns whether it was made. */
export async function ensureNetwork(topology: Topology): Promise<boolean> {
  const existing = (await dockerNetworks()).find((network) => network.name === topology.network);
  if (
    existing?.lab === topology.lab &&
    existing.bridge === topology.bridge &&
    existing.subnets.includes(topology.subnet)
  )
    return false;
  if (existing) await docker(['network', 'rm', topology.network]);
  await docker([
    'network',
    'create',
    '--driver=bridge',
    `--subnet=${topology.subnet}`,
    `--label=${labLabel}=${topology.lab}`,
    `--opt=com.docker.network.bridge.name=${topology.bridge}`,
    topology.network,
  ]);
  return true;
}

/** The lab's routes that the host lacks. */
export function lackingRoutes(topology: Topology, routes: readonly HostRoute[]): LabRoute[] {
  return labRoutes(topology).filter((wanted) => !ownRoutes(topology, routes).some((have) => isSame(have, wanted)));
}

/** Adds the routes that the host lacks. Returns how many. `image` is used for the tool when this process is not root. */
export async function ensureRoutes(topology: Topology, image: string): Promise<number> {
  const lacking = lackingRoutes(topology, await hostRoutes());
  for (const route of lacking) {
    await hostCommand(['ip', 'route', 'replace', ...routeWords(topology, route)], image);
  }
  return lacking.length;
}

/**
 * Removes the lab's routes from the host, and nobody else's. `image` is used for the tool when this process is not root;
 * without one they are left.
 */
export async function removeRoutes(topology: Topology, image: string | undefined): Promise<void> {
  for (const route of ownRoutes(topology, await hostRoutes())) {
    await hostCommand(['ip', 'route', 'del', ...routeWords(topology, route)], image);
  }
}

/** The routes of the host that are this lab's. */
export function ownRoutes(topology: Topology, routes: readonly HostRoute[]): HostRoute[] {
  const wanted = labRoutes(topology);
  return routes.filter(
    (route) => (route.device === topology.bridge || route.via === nowhere) && wanted.some((one) => isSame(one, route)),
  );
}

function isSame(a: LabRoute, b: LabRoute): boolean {
  return a.destination === b.destination && a.via === b.via;
}

function routeWords(topology: Topology, { destination, via }: LabRoute): string[] {
  if (via === nowhere) return ['unreachable', destination, 'metric', nowhereMetric];
  return [destination, 'via', via, 'dev', topology.bridge];
}

// Whoever may use Docker may also change the host's network, by a container in the host's network namespace.
async function hostCommand(argv: readonly string[], image: string | undefined): Promise<void> {
  const root = process.getuid?.() === 0 && existsSync('/proc/self/ns/net');
  const helper = ['docker', 'run', '--rm', '--network=host', '--cap-add=NET_ADMIN'];
  if (!root && image === undefined) return;
  const result = await tryRun(
    root ? argv : [...helper, `--entrypoint=${argv[0] ?? ''}`, image ?? '', ...argv.slice(1)],
  );
  if (result.exitCode !== 0) throw new LabError('COMMAND', `'${argv.join(' ')}' failed: ${result.stderr.trim()}`);
}
