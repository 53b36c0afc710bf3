/** One thing wrong in `chaos.config.ts`: which field, what was found, and what would be right. */
export interface ConfigProblem {
  readonly field: string;
  readonly value: unknown;
  readonly expected: string;
}

/** Thrown when `chaos.config.ts` cannot be used. Lists every problem at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CHAOS_CONFIG';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: { source?: string; cause?: unknown }) {
    const source = options?.source ?? 'chaos config';
    const lines = problems.map((p) => `  ${p.field}: got ${show(p.value)}, expected ${p.expected}`);
    super(`${source} is not valid:\n${lines.join('\n')}`, options?.cause === undefined ? {} : { cause: options.cause });
    this.problems = problems;
  }
}

/** Renders a value for an error message, short enough for one line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  // undefined for a function or a symbol
  const text = (JSON.stringify(value) as string | undefined) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
