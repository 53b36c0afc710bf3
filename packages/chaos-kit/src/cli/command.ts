/** What a command gets. */
export interface CommandInput {
  /** Arguments behind the name of the command. */
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  /** Writes to standard output. */
  readonly print: (text: string) => void;
}

/** A command of `chaos-kit`. */
export interface Command {
  /** Words that select it: `ledger cat`. */
  readonly name: string;
  /** Lines of the usage. */
  readonly usage: string;
  /** Options that it takes, besides `--help`. */
  readonly options: Readonly<Record<string, { readonly type: 'string' | 'boolean'; readonly multiple?: boolean }>>;
  /** Returns the exit code: 0 pass, 1 fail, 3 inconclusive. What it throws is told by its message, with exit code 2. */
  run(input: CommandInput): number | Promise<number>;
}
