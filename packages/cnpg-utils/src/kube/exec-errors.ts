import type { ExecTarget } from './exec.ts';

/** What a command had written when it was given up. */
export interface ExecOutput {
  stdout: string;
  stderr: string;
}

/** Any failure of a command in a container, other than the API server refusing the call (that is a KubeError). */
export class ExecError extends Error {
  override readonly name: string = 'ExecError';
  readonly code: string = 'KUBE_EXEC';
  readonly target: ExecTarget;
  readonly command: readonly string[];
  /** What went wrong, without target and command. */
  readonly problem: string;
  readonly stdout: string;
  readonly stderr: string;

  constructor(target: ExecTarget, command: readonly string[], problem: string, output: ExecOutput, cause?: unknown) {
    super(
      `exec ${describeExec(target, command)}: ${problem}${excerpt('stderr', output.stderr)}`,
      cause === undefined ? undefined : { cause },
    );
    this.target = target;
    this.command = command;
    this.problem = problem;
    this.stdout = output.stdout;
    this.stderr = output.stderr;
  }
}

/** The command did not end in time. It may still be running in the container. */
export class ExecTimeoutError extends ExecError {
  override readonly name = 'ExecTimeoutError';
  override readonly code = 'KUBE_EXEC_TIMEOUT';
}

/** The connection was lost before the exit code came. Whether the command ran, or still runs, is unknown. */
export class ExecConnectionLostError extends ExecError {
  override readonly name = 'ExecConnectionLostError';
  override readonly code = 'KUBE_EXEC_CONNECTION_LOST';
}

/** The container runtime could not start the command: no such program, no permission, container not running. */
export class ExecStartError extends ExecError {
  override readonly name = 'ExecStartError';
  override readonly code = 'KUBE_EXEC_START';
}

/** The command wrote more than the caller wanted to keep. */
export class ExecOutputLimitError extends ExecError {
  override readonly name = 'ExecOutputLimitError';
  override readonly code = 'KUBE_EXEC_OUTPUT_LIMIT';
}

/** The command ended with an exit code other than 0. */
export class ExecFailedError extends ExecError {
  override readonly name = 'ExecFailedError';
  override readonly code = 'KUBE_EXEC_FAILED';
  readonly exitCode: number;

  constructor(target: ExecTarget, command: readonly string[], exitCode: number, output: ExecOutput) {
    super(target, command, `exit code ${exitCode}`, output);
    this.exitCode = exitCode;
  }
}

/** `team/db-1/postgres [psql -c …]`, for messages. */
export function describeExec(target: ExecTarget, command: readonly string[]): string {
  const container = target.container === undefined ? '' : `/${target.container}`;
  const text = command.join(' ');
  return `${target.namespace}/${target.pod}${container} [${text.length > 200 ? `${text.slice(0, 200)}…` : text}]`;
}

function excerpt(name: string, text: string): string {
  const trimmed = text.trim();
  return trimmed === '' ? '' : `; ${name}: ${trimmed.slice(-500)}`;
}
