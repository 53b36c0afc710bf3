/** The machine cannot do what is asked. The message lists everything that is wrong and the exact command that helps. */
export class HostError extends Error {
  override readonly name = 'HostError';
  readonly code = 'HOST_NOT_READY';
  /** Each thing that is wrong. */
  readonly problems: readonly string[];
  /** What to run, when a command helps. */
  readonly command: string | undefined;

  constructor(problems: readonly string[], command?: string, cause?: unknown) {
    const list = problems.length === 1 ? problems.join('') : problems.map((problem) => `\n  - ${problem}`).join('');
    super(`this machine is not ready: ${list}${command ? `\nrun: ${command}` : ''}`, { cause });
    this.problems = problems;
    this.command = command;
  }
}
