import { parseArgs } from 'node:util';
import { prune } from './prune.ts';
import { down } from './down.ts';
import { LabError } from './errors.ts';
import { defaultLabName } from './lab-name.ts';
import { attachToNode, kubeconfigPath, nodeLogs, nodeNames } from './node-commands.ts';
import { nodePower, setNodePower } from './node-power.ts';
import { formatElapsed, TerminalProgress } from './progress.ts';
import { status } from './status.ts';
import { up } from './up.ts';

const usage = `A local multi-node Kubernetes with CloudNativePG and Chaos Mesh that needs no image registry.

  npx chaos-lab up                          bring the lab up, or bring it back; changes nothing when it is up
  npx chaos-lab status [--json]             what runs and what is missing
  npx chaos-lab down                        remove it and everything it left on this host
  npx chaos-lab kubeconfig [--print]        path of its kubeconfig (or the text)
  npx chaos-lab logs <node> [component]     last lines of a component's log: kubelet, containerd, etcd, …
  npx chaos-lab exec <node> [-- command …]  run a command in a node (default: a shell)
  npx chaos-lab power <node> [on|off|frozen]  how a node is, or cut its power, freeze it, put it on again
  npx chaos-lab prune [--all]               remove what the build cache no longer needs (--all: everything)

  --name <name>   name of the lab (default ${defaultLabName})
  --lines <n>     logs: how many lines (default 200)

Nodes: control-plane, w1, w2, w3
`;

const bytes = (count: number): string => `${(count / 1024 / 1024).toFixed(0)} MiB`;

/** Where the command writes what it was asked for; progress goes to standard error by itself. */
export type Write = (text: string) => unknown;

/**
 * Runs one `chaos-lab` command and returns its exit code: 0; 3 when `status` finds the lab not ready; 2 when called without
 * a command; that of the command of `exec`. Throws {@link LabError} `USAGE` when it is called wrongly.
 */
export async function chaosLab(argv: readonly string[], write: Write): Promise<number> {
  const separator = argv.indexOf('--');
  const before = separator < 0 ? argv : argv.slice(0, separator);
  const command = separator < 0 ? [] : argv.slice(separator + 1);
  const { values, positionals } = parse(before);
  const [verb, ...rest] = positionals;
  const name = values.name;
  const named = name === undefined ? {} : { name };
  const help = values.help === true || verb === 'help';
  if (help || verb === undefined) {
    write(usage);
    return help ? 0 : 2;
  }
  switch (verb) {
    case 'up': {
      none(verb, rest);
      const progress = new TerminalProgress();
      const lab = await up({ ...named, progress, signal: onInterrupt() });
      const summary = progress.summary();
      const cached = summary.cached.length > 0 ? ` (${summary.cached.length} steps from the cache)` : '';
      progress.note(`lab '${lab.name}' is up after ${formatElapsed(summary.totalMs)}${cached}`);
      progress.note(`export KUBECONFIG=${lab.kubeconfig}`);
      progress.note(`end it with: npx chaos-lab down${name === undefined ? '' : ` --name ${name}`}`);
      return 0;
    }
    case 'down': {
      none(verb, rest);
      const progress = new TerminalProgress();
      await down({ ...named, progress, signal: onInterrupt() });
      progress.note('no lab is left on this host; images and build cache stay (chaos-lab prune)');
      return 0;
    }
    case 'status': {
      none(verb, rest);
      const seen = await status(named);
      if (values.json) write(`${JSON.stringify(seen, undefined, 2)}\n`);
      else {
        write(`lab ${seen.name}: ${seen.state}\n`);
        for (const node of seen.nodes) write(`  ${node.name.padEnd(14)} ${node.state}\n`);
        for (const [what, version] of Object.entries(seen.versions)) write(`  ${what} ${version}\n`);
        if (seen.kubeconfig !== undefined) write(`  kubeconfig ${seen.kubeconfig}\n`);
        for (const problem of seen.problems) write(`  ! ${problem}\n`);
      }
      return seen.state === 'ready' ? 0 : 3;
    }
    case 'kubeconfig': {
      none(verb, rest);
      const path = await kubeconfigPath(named);
      if (values.print) {
        const { readFile } = await import('node:fs/promises');
        write(await readFile(path, 'utf8'));
      } else write(`${path}\n`);
      return 0;
    }
    case 'logs': {
      const [node, component, ...more] = rest;
      if (node === undefined) throw new LabError('USAGE', 'logs needs a node: control-plane, w1, w2 or w3');
      none(verb, more);
      const lines = values.lines === undefined ? {} : { lines: wholeNumber('--lines', values.lines) };
      write(await nodeLogs(node, component, { name, ...lines }));
      return 0;
    }
    case 'exec': {
      const [node, ...more] = rest;
      if (node === undefined) throw new LabError('USAGE', 'exec needs a node: control-plane, w1, w2 or w3');
      return attachToNode(node, [...more, ...command], { name });
    }
    case 'power': {
      const [node, power, ...more] = rest;
      if (node === undefined) throw new LabError('USAGE', `power needs a node: ${nodeNames().join(', ')}`);
      none(verb, more);
      if (power === undefined) write(`${await nodePower(node, { name })}\n`);
      else if (power === 'on' || power === 'off' || power === 'frozen') await setNodePower(node, power, { name });
      else throw new LabError('USAGE', `power: '${power}' is none of on, off, frozen`);
      return 0;
    }
    case 'prune': {
      none(verb, rest);
      const { removed, bytes: freed } = await prune({ all: values.all === true });
      write(`removed ${removed.length} things, ${bytes(freed)}\n`);
      return 0;
    }
    default:
      throw new LabError('USAGE', `unknown command '${verb}'\n\n${usage}`);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        json: { type: 'boolean' },
        print: { type: 'boolean' },
        lines: { type: 'string' },
        all: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (cause) {
    throw new LabError('USAGE', `${cause instanceof Error ? cause.message : String(cause)}\n\n${usage}`, { cause });
  }
}

function none(verb: string, rest: readonly string[]): void {
  if (rest.length > 0) throw new LabError('USAGE', `'${verb}' takes no argument '${rest.join(' ')}'\n\n${usage}`);
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new LabError('USAGE', `${option} '${text}' is no whole number above 0`);
  return value;
}

// The first Ctrl-C ends running commands and lets steps clean up; the second one ends this process at once.
// Not `once`: a library below testcontainers re-raises the signal when it finds no other listener left.
let interrupted: LabError | undefined;
function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(code);
      process.exitCode = code;
      interrupted = new LabError('COMMAND', 'interrupted; run it again to go on from here');
      controller.abort(interrupted);
    });
  }
  return controller.signal;
}

/** Runs the command of this process' arguments, with its exit code and its words on standard error when it fails. */
export async function runFromTerminal(): Promise<void> {
  // `chaos-lab logs w1 | head`: the reader may leave first.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  try {
    const code = await chaosLab(process.argv.slice(2), (text) => process.stdout.write(text));
    process.exitCode ||= code;
  } catch (cause) {
    const error: unknown = interrupted ?? cause;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (process.env['DEBUG'] !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode ||= error instanceof LabError && error.code === 'USAGE' ? 2 : 1;
  }
}
