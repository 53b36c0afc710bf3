/** Thrown when a text is no WAL position. */
export class InvalidLsnError extends Error {
  override readonly name = 'InvalidLsnError';
  readonly code = 'CNPG_INVALID_LSN';

  constructor(value: string) {
    super(`${JSON.stringify(value)} is no WAL position; expected two hexadecimal numbers such as "0/3000148"`);
  }
}

/**
 * Parses a WAL position such as `0/3000148` to the number of bytes since the start of the WAL.
 *
 * @throws InvalidLsnError
 */
export function parseLsn(text: string): bigint {
  const match = /^(?<high>[0-9A-Fa-f]{1,8})\/(?<low>[0-9A-Fa-f]{1,8})$/.exec(text.trim());
  const { high, low } = match?.groups ?? {};
  if (high === undefined || low === undefined) throw new InvalidLsnError(text);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** Writes a WAL position as PostgreSQL does: `0/3000148`. */
export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}

/** Negative, 0 or positive: the first position is before, at or after the second. For sorting. */
export function compareLsn(a: string | bigint, b: string | bigint): number {
  const difference = toLsn(a) - toLsn(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Bytes from the second position to the first; negative when the first is behind. */
export function lsnDiff(a: string | bigint, b: string | bigint): bigint {
  return toLsn(a) - toLsn(b);
}

function toLsn(lsn: string | bigint): bigint {
  return typeof lsn === 'bigint' ? lsn : parseLsn(lsn);
}
