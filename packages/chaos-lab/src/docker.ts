import { LabError } from './errors.ts';
import { run, tryRun, type RunOptions } from './run.ts';
import { labLabel, nodeKeyLabel } from './topology.ts';

/** A container of a lab as the Docker engine knows it. */
export interface LabContainer {
  id: string;
  name: string;
  lab: string;
  nodeKey: string;
  /** Reference of its image. */
  image: string;
  running: boolean;
  /** False while it is paused. */
  responsive: boolean;
}

/** A Docker network as the engine knows it. */
export interface DockerNetwork {
  name: string;
  lab: string;
  bridge: string;
  subnets: string[];
}

interface InspectedContainer {
  Id: string;
  Name: string;
  Config: { Image: string; Labels: Record<string, string> | null };
  State: { Running: boolean; Paused: boolean };
}

interface InspectedNetwork {
  Name: string;
  Labels: Record<string, string> | null;
  Options: Record<string, string> | null;
  IPAM: { Config: { Subnet?: string }[] | null };
}

/** Runs a `docker` command and returns its output. Throws {@link LabError} with the client's words. */
export function docker(args: readonly string[], options?: RunOptions): Promise<string> {
  return run(['docker', ...args], options);
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** All containers of all labs on this engine, running or not. */
export async function labContainers(): Promise<LabContainer[]> {
  const ids = lines(await docker(['ps', '-aq', '--no-trunc', '--filter', `label=${labLabel}`]));
  if (ids.length === 0) return [];
  // A container may vanish between the two calls; what is still there is printed all the same.
  const { stdout } = await tryRun(['docker', 'container', 'inspect', ...ids]);
  const inspected = JSON.parse(stdout) as InspectedContainer[];
  return inspected.map((one) => ({
    id: one.Id,
    name: one.Name.replace(/^\//, ''),
    lab: one.Config.Labels?.[labLabel] ?? '',
    nodeKey: one.Config.Labels?.[nodeKeyLabel] ?? '',
    image: one.Config.Image,
    running: one.State.Running,
    responsive: one.State.Running && !one.State.Paused,
  }));
}

/** All networks of this engine. */
export async function dockerNetworks(): Promise<DockerNetwork[]> {
  const ids = lines(await docker(['network', 'ls', '-q', '--no-trunc']));
  const { stdout } = await tryRun(['docker', 'network', 'inspect', ...ids]);
  const inspected = JSON.parse(stdout) as InspectedNetwork[];
  return inspected.map((one) => ({
    name: one.Name,
    lab: one.Labels?.[labLabel] ?? '',
    bridge: one.Options?.['com.docker.network.bridge.name'] ?? '',
    subnets: (one.IPAM.Config ?? []).flatMap((config) => (config.Subnet ? [config.Subnet] : [])),
  }));
}

/** Runs a command in a container and returns its output; throws {@link LabError} when it exits with another code than 0. */
export function execInContainer(container: string, argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const stdin = options.input !== undefined || options.inputFile !== undefined;
  return docker(['exec', ...(stdin ? ['-i'] : []), container, ...argv], options);
}

/** Names of the volumes of a lab, by default of all of its nodes. */
export async function labVolumes(lab: string, container = ''): Promise<string[]> {
  const names = lines(await docker(['volume', 'ls', '-q', '--filter', `label=${labLabel}=${lab}`]));
  return names.filter((name) => container === '' || name.startsWith(`${container}-`));
}

/** Makes a volume with the lab's label and returns its folder on the engine's host. */
export async function createVolume(lab: string, name: string): Promise<string> {
  await docker(['volume', 'create', `--label=${labLabel}=${lab}`, name]);
  return (await docker(['volume', 'inspect', '--format={{.Mountpoint}}', name])).trim();
}

/** Removes volumes that no container uses. Absent ones are no error. */
export async function removeVolumes(volumes: readonly string[]): Promise<void> {
  if (volumes.length > 0) await docker(['volume', 'rm', '--force', ...volumes]);
}

/** Removes containers with their anonymous volumes, running or not. Absent ones are no error. */
export async function removeContainers(containers: readonly string[]): Promise<void> {
  if (containers.length === 0) return;
  const result = await tryRun(['docker', 'rm', '--force', '--volumes', ...containers], { timeoutMs: 120_000 });
  const errors = lines(result.stderr).filter((line) => !/No such container|is already in progress/.test(line));
  if (result.exitCode !== 0 && errors.length > 0)
    throw new LabError('DOCKER', `cannot remove containers: ${errors.join('; ')}`);
}
