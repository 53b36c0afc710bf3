/**
 * A WAL position such as `0/176CCC8` as bytes since the start of the WAL. A plain number, since one is kept for every write:
 * exact up to 8 PiB of WAL. `undefined` when the text is no position.
 */
export function parsePosition(text: string): number | undefined {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? [];
  if (high === undefined || low === undefined) return undefined;
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
}

/** Writes a position as PostgreSQL does. */
export function formatPosition(position: number): string {
  const high = Math.floor(position / 2 ** 32).toString(16);
  return `${high}/${(position % 2 ** 32).toString(16)}`.toUpperCase();
}
