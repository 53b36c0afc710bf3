/** Thrown when a text is no duration. The message names the text and the valid forms. */
export class InvalidDurationError extends Error {
  override readonly name = 'InvalidDurationError';
  readonly code = 'CNPG_INVALID_DURATION';
  readonly value: string | number;

  constructor(value: string | number, options?: { field?: string }) {
    const subject = options?.field === undefined ? '' : `${options.field}: `;
    super(
      `${subject}${JSON.stringify(value)} is not a duration. Write a number with a unit (ms, s, m, h), ` +
        `such as "500ms", "30s", "1m30s" or "2h", or a non-negative number of milliseconds.`,
    );
    this.value = value;
  }
}

const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
const PARTS =
  /^(?:(?<h>\d+(?:\.\d+)?)h)?(?:(?<m>\d+(?:\.\d+)?)m(?!s))?(?:(?<s>\d+(?:\.\d+)?)s)?(?:(?<ms>\d+(?:\.\d+)?)ms)?$/;

/**
 * Parses a duration such as `'30s'`, `'1m30s'`, `'1.5s'` or `'500ms'` to milliseconds. A number is taken as
 * milliseconds. Units go from large to small, each at most once. `'30'` without a unit is refused: it could mean
 * seconds or milliseconds.
 *
 * @param text the duration
 * @param options.field name of the setting, put at the front of the error message
 * @throws InvalidDurationError
 */
export function parseDuration(text: string | number, options?: { field?: string }): number {
  if (typeof text === 'number') {
    if (!Number.isFinite(text) || text < 0) throw new InvalidDurationError(text, options);
    return text;
  }
  const groups = text.trim() === '' ? undefined : PARTS.exec(text.trim())?.groups;
  if (groups === undefined) throw new InvalidDurationError(text, options);
  let total = 0;
  for (const [unit, factor] of Object.entries(UNIT_MS)) {
    const amount = groups[unit];
    if (amount !== undefined) total += Number(amount) * factor;
  }
  return total;
}

/**
 * Writes milliseconds the way people read them: `'350 ms'`, `'4.5 s'`, `'2m05s'`, `'1h02m'`.
 */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return String(ms);
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  const minutes = Math.round(ms / 60_000);
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}
