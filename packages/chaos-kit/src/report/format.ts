/**
 * Writes a duration for people: `850 ms`, `4.3 s`, `2 min 05 s`. A missing or non-finite one is `–`, never `0`.
 * @param ms Milliseconds.
 */
export function formatMs(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** Writes a count with thin groups of three digits: `12 345`. */
export function formatCount(count: number | undefined): string {
  if (count === undefined || !Number.isFinite(count)) return '–';
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ' ');
}

/** `1 lost write`, `2 lost writes`. */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Cuts a line to `width` columns, the last one an ellipsis. */
export function fit(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}
