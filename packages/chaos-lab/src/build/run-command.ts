import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';

/** Options of `runCommand`. */
export interface RunOptions {
  cwd?: string;
  /** Added to the environment of this process. */
  env?: Readonly<Record<string, string>>;
  /** File that gets the command line, its standard error and, unless `capture`, its standard output. Default: none. */
  log?: string;
  signal?: AbortSignal | undefined;
}

const shownStderr = 2000;
const shownCommand = 100;

/** A command could not be started or ended with a code other than 0. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code = 'COMMAND_FAILED';
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;

  constructor(argv: readonly string[], reason: string, exitCode?: number, cause?: unknown) {
    const command = argv.join(' ').replaceAll(/\s+/g, ' ');
    super(`${command.length > shownCommand ? `${command.slice(0, shownCommand)}…` : command}: ${reason}`, { cause });
    this.argv = argv;
    this.exitCode = exitCode;
  }
}

/**
 * Runs a command without a shell and returns its standard output. The command is ended when this process ends, however
 * that happens: a compilation must not go on for minutes after its builder was killed.
 * @throws CommandError when it cannot be started or does not end with 0; the signal's reason when aborted.
 */
export async function runCommand(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<string> {
  options.signal?.throwIfAborted();
  const log = options.log ? await open(options.log, 'a') : undefined;
  try {
    await log?.appendFile(`$ ${argv.join(' ')}\n`);
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', ...argv], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', log ? log.fd : 'pipe'],
      signal: options.signal,
    });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-shownStderr)));
    const [exitCode, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    const output = Buffer.concat(stdout).toString();
    await log?.appendFile(output);
    if (exitCode === 0) return output;
    const end = exitCode === null ? `ended by ${killedBy}` : `exit code ${exitCode}`;
    throw new CommandError(argv, [end, stderr.trim()].filter(Boolean).join(': '), exitCode ?? undefined);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof CommandError) throw error;
    throw new CommandError(argv, error instanceof Error ? error.message : String(error), undefined, error);
  } finally {
    await log?.close();
  }
}
