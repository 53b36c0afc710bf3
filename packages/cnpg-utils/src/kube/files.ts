import { exec, type ExecOptions, type ExecTarget } from './exec.ts';
import { ExecFailedError } from './exec-errors.ts';
import type { KubeClient } from './client.ts';

/**
 * Whether a regular file exists in a container.
 *
 * @throws ExecError and KubeError as `exec`: "could not look" is not "does not exist"
 */
export async function fileExists(
  kube: KubeClient,
  target: ExecTarget,
  path: string,
  options: Omit<ExecOptions, 'stdin'> = {},
): Promise<boolean> {
  return await ask(kube, target, ['test', '-f', path], options);
}

// Needs nothing but a shell. Names with a leading dot count; a link that leads nowhere does, too.
const EMPTY = `
[ -d "$1" ] || exit 2
for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
  if [ -e "$entry" ] || [ -L "$entry" ]; then exit 1; fi
done`;

/**
 * Whether a directory in a container has nothing in it.
 *
 * @throws ExecFailedError when it is no directory; ExecError and KubeError as `exec`
 */
export async function directoryIsEmpty(
  kube: KubeClient,
  target: ExecTarget,
  path: string,
  options: Omit<ExecOptions, 'stdin'> = {},
): Promise<boolean> {
  return await ask(kube, target, ['sh', '-c', EMPTY, 'sh', path], options);
}

async function ask(
  kube: KubeClient,
  target: ExecTarget,
  command: readonly string[],
  options: ExecOptions,
): Promise<boolean> {
  const result = await exec(kube, target, command, options);
  if (result.exitCode === 0) return true;
  if (result.exitCode === 1) return false;
  throw new ExecFailedError(target, command, result.exitCode, result);
}
