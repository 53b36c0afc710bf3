import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { docker } from './docker.ts';
import { LabError } from './errors.ts';
import { checkLabName, defaultLabName } from './lab-name.ts';
import { nodeNamed } from './node-commands.ts';
import { tryRun } from './run.ts';
import { StateDir } from './state-dir.ts';

/** Power of a node: `frozen` stands still with everything in it, `off` has lost its processes and its memory. */
export type NodePower = 'on' | 'off' | 'frozen';

/** Options of {@link setNodePower}. */
export interface NodePowerOptions {
  /** Name of the lab; default `cnpg-chaos`. */
  name?: string | undefined;
  /**
   * For `off` and `frozen`: milliseconds after which the node is put on again, by a process of this host that outlives
   * the one that asks. Default: never.
   */
  restoreAfterMs?: number | undefined;
  /** Who asks, for {@link powerOwner}; kept while the node waits to be put on again. */
  owner?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** The power of a node. Throws {@link LabError} `STATE` when its container does not exist. */
export async function nodePower(
  node: string,
  options: Pick<NodePowerOptions, 'name' | 'signal'> = {},
): Promise<NodePower> {
  const { container } = nodeNamed(node, options.name);
  const { exitCode, stdout, stderr } = await tryRun(
    ['docker', 'container', 'inspect', '--format={{.State.Running}} {{.State.Paused}}', container],
    { signal: options.signal },
  );
  if (exitCode !== 0) throw new LabError('STATE', `node '${node}' has no container: ${stderr.trim()}`);
  return powerOf(stdout.trim());
}

/** Reads Docker's `running paused`. */
export function powerOf(text: string): NodePower {
  if (text === 'true false') return 'on';
  return text === 'true true' ? 'frozen' : 'off';
}

/**
 * Puts a node on, off (at once, like a power cut; what it had written to its disks stays) or freezes it. Does nothing
 * when it is so already. What is off comes back by `on`, by `restoreAfterMs`, or by the next `up`.
 */
export async function setNodePower(node: string, power: NodePower, options: NodePowerOptions = {}): Promise<void> {
  const { name = defaultLabName, restoreAfterMs, owner = '', signal } = options;
  const { container } = nodeNamed(node, name);
  const call = { timeoutMs: 60_000, signal };
  await cancelRestores(name, node);
  const now = await nodePower(node, { name, signal });
  if (power !== 'on' && restoreAfterMs !== undefined)
    await startRestore({ name, node, container, owner, afterMs: restoreAfterMs });
  if (now === power) return;
  // neither a kill nor a start works on what is frozen
  if (now === 'frozen') await docker(['unpause', container], call);
  if (power === 'frozen') {
    if (now === 'off') throw new LabError('USAGE', `node '${node}' is off and cannot be frozen`);
    await docker(['pause', container], call);
  } else if (power === 'off') await docker(['kill', container], call);
  else if (now === 'off') await docker(['start', container], call);
}

/** Who took the power of a node that will be put on again by itself; undefined when there is none, or he did not say. */
export async function powerOwner(
  node: string,
  options: Pick<NodePowerOptions, 'name'> = {},
): Promise<string | undefined> {
  const dir = restoreDir(options.name ?? defaultLabName);
  const files = await readdir(dir).catch(() => []);
  const file = files.find((one) => one.startsWith(`${node}.`));
  if (file === undefined) return undefined;
  const owner = await readFile(join(dir, file), 'utf8').catch(() => '');
  return owner === '' ? undefined : owner;
}

const restoreDir = (name: string): string => join(new StateDir(checkLabName(name)).path, 'restore');

async function cancelRestores(name: string, node: string): Promise<void> {
  const dir = restoreDir(name);
  const files = await readdir(dir).catch(() => []);
  await Promise.all(
    files.filter((file) => file.startsWith(`${node}.`)).map((file) => rm(join(dir, file), { force: true })),
  );
}

// Its file is its order: without it the watcher ends within a second and does nothing.
const watcher = `
file=$1 container=$2 left=$3
while [ "$left" -gt 0 ]; do sleep 1; left=$((left - 1)); [ -e "$file" ] || exit 0; done
docker unpause "$container"; docker start "$container"; rm -f "$file"
`;

interface Restore {
  name: string;
  node: string;
  container: string;
  owner: string;
  afterMs: number;
}

async function startRestore({ name, node, container, owner, afterMs }: Restore): Promise<void> {
  const dir = restoreDir(name);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, `${node}.${process.pid}-${Date.now()}`);
  await writeFile(file, owner);
  const seconds = String(Math.max(1, Math.ceil(afterMs / 1000)));
  // own session: it must outlive this process, and its group
  const child = spawn('bash', ['-c', watcher, 'restore', file, container, seconds], {
    detached: true,
    stdio: 'ignore',
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('spawn', resolve);
  child.once('error', (cause) => reject(new LabError('COMMAND', `cannot run 'bash': ${cause.message}`, { cause })));
  await promise;
  child.unref();
}
