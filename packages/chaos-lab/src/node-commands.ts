import { spawn } from 'node:child_process';
import { tryRun, type RunOptions, type RunResult } from './run.ts';
import { LabError } from './errors.ts';
import { checkLabName, defaultLabName } from './lab-name.ts';
import { StateDir } from './state-dir.ts';
import { topologyOf, type TopologyNode } from './topology.ts';

/** Which lab a node command is about. */
export interface NodeCommandOptions extends RunOptions {
  /** Name of the lab; default `cnpg-chaos`. */
  name?: string | undefined;
}

/** Path of the lab's kubeconfig. Throws {@link LabError} `NO_LAB` when there is no lab of that name. */
export async function kubeconfigPath(options: { name?: string } = {}): Promise<string> {
  const name = checkLabName(options.name ?? defaultLabName);
  const state = new StateDir(name);
  if ((await state.readKubeconfig()) === undefined) {
    throw new LabError('NO_LAB', `there is no lab '${name}'; bring it up with 'npx chaos-lab up'`);
  }
  return state.kubeconfigPath;
}

/** Runs a command in a node and returns its outcome, whatever the exit code. Throws {@link LabError} for an unknown node. */
export function execInNode(
  node: string,
  argv: readonly string[],
  options: NodeCommandOptions = {},
): Promise<RunResult> {
  const stdin = options.input !== undefined || options.inputFile !== undefined;
  return tryRun(
    ['docker', 'exec', ...(stdin ? ['-i'] : []), nodeNamed(node, options.name).container, ...argv],
    options,
  );
}

/** Runs a command in a node with this process' terminal. Returns its exit code. */
export function attachToNode(
  node: string,
  argv: readonly string[],
  options: { name?: string | undefined } = {},
): Promise<number> {
  const terminal = process.stdin.isTTY && process.stdout.isTTY ? ['-it'] : ['-i'];
  const command = argv.length > 0 ? argv : ['bash'];
  const child = spawn('docker', ['exec', ...terminal, nodeNamed(node, options.name).container, ...command], {
    stdio: 'inherit',
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on('error', (cause) => reject(new LabError('COMMAND', `cannot run 'docker': ${cause.message}`, { cause })));
  child.on('exit', (code) => resolve(code ?? 1));
  return promise;
}

/** Last lines of a component's log in a node (`kubelet`, `etcd`, …), or of the node's supervisor without a component. */
export async function nodeLogs(
  node: string,
  component = 'supervisor',
  options: NodeCommandOptions & { lines?: number } = {},
): Promise<string> {
  if (!/^[a-z][a-z0-9-]*$/.test(component)) throw new LabError('USAGE', `'${component}' is no component name`);
  const count = options.lines ?? 200;
  const file = `/var/log/lab/${component}.log`;
  const result = await execInNode(node, ['tail', '-n', String(count), file], options);
  if (result.exitCode === 0) return result.stdout;
  const there = await execInNode(node, ['sh', '-c', 'cd /var/log/lab && ls *.log'], options);
  const names = there.stdout.split('\n').flatMap((name) => (name === '' ? [] : [name.replace(/\.log$/, '')]));
  throw new LabError(
    'USAGE',
    names.length > 0
      ? `node '${node}' has no log of '${component}'; it has: ${names.join(', ')}`
      : `cannot read logs of node '${node}': ${result.stderr.trim()}`,
  );
}

/** Names of the nodes that every lab has: `control-plane` and its workers. */
export function nodeNames(): string[] {
  return topologyOf(defaultLabName, 0).nodes.map((node) => node.name);
}

/** The node of this name. Throws {@link LabError} `USAGE` for an unknown one. */
export function nodeNamed(node: string, name: string | undefined): TopologyNode {
  const topology = topologyOf(checkLabName(name ?? defaultLabName), 0); // names do not depend on the networks
  const found = topology.nodes.find((one) => one.name === node || one.container === node);
  if (!found) {
    throw new LabError(
      'USAGE',
      `the lab has no node '${node}'; it has: ${topology.nodes.map((one) => one.name).join(', ')}`,
    );
  }
  return found;
}
