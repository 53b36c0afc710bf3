import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { LabError } from './errors.ts';

/** How {@link run} runs a command. */
export interface RunOptions {
  /** Text for the command's standard input. */
  input?: string | undefined;
  /** File for the command's standard input; wins over `input`. */
  inputFile?: string | undefined;
  /** Milliseconds until the command is killed; default 60 000. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** What a command did. */
export interface RunResult {
  /** Exit code; -1 when a signal ended it. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a command without a shell and returns its outcome, whatever the exit code. Throws {@link LabError} when it cannot run or times out. */
export async function tryRun(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [command = '', ...args] = argv;
  const timeoutMs = options.timeoutMs ?? 60_000;
  options.signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined); // the command may end before it has read everything
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const abort = (): void => void child.kill('SIGKILL');
  options.signal?.addEventListener('abort', abort, { once: true });
  child.on('error', (cause) => reject(new LabError('COMMAND', `cannot run '${command}': ${cause.message}`, { cause })));
  child.on('close', (code) => {
    const stderr = Buffer.concat(err).toString();
    if (timedOut) {
      reject(
        new LabError('TIMEOUT', `'${argv.join(' ')}' did not end within ${timeoutMs / 1000} s\n${stderr.slice(-2000)}`),
      );
    } else if (options.signal?.aborted) {
      reject(
        options.signal.reason instanceof Error
          ? options.signal.reason
          : new LabError('COMMAND', `'${command}' was aborted`),
      );
    } else resolve({ exitCode: code ?? -1, stdout: Buffer.concat(out).toString(), stderr });
  });
  if (options.inputFile !== undefined) {
    const file = createReadStream(options.inputFile, { highWaterMark: 1 << 20 });
    file.on('error', (cause) => {
      child.kill('SIGKILL');
      reject(new LabError('COMMAND', `cannot read ${options.inputFile}: ${cause.message}`, { cause }));
    });
    file.pipe(child.stdin);
  } else child.stdin.end(options.input ?? '');
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/** Runs a command and returns its standard output; throws {@link LabError} `COMMAND` with its error output when it exits with another code than 0. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(argv, options);
  if (result.exitCode !== 0) {
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-2000);
    throw new LabError('COMMAND', `'${argv.join(' ')}' ended with code ${result.exitCode}: ${said}`);
  }
  return result.stdout;
}
