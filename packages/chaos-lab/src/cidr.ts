import { LabError } from './errors.ts';

/** An IPv4 network. */
export interface Cidr {
  /** First address, as a number. */
  readonly base: number;
  /** Prefix length, 0 to 32. */
  readonly bits: number;
}

/** Parses `a.b.c.d` into a number. Throws {@link LabError} `STATE` for anything else. */
export function parseAddress(text: string): number {
  const parts = text.split('.');
  const numbers = parts.map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : Number.NaN));
  if (parts.length !== 4 || numbers.some((n) => !(n <= 255))) {
    throw new LabError('STATE', `'${text}' is no IPv4 address; expected the form 172.31.0.10`);
  }
  return numbers.reduce((sum, n) => sum * 256 + n, 0);
}

/** The opposite of {@link parseAddress}. */
export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Parses `a.b.c.d/n`; a bare address means /32. Host bits are cleared. */
export function parseCidr(text: string): Cidr {
  const [address = '', prefix = '32'] = text.split('/');
  const bits = /^\d{1,2}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (!(bits <= 32)) throw new LabError('STATE', `'${text}' is no IPv4 network; expected the form 10.96.0.0/16`);
  const size = 2 ** (32 - bits);
  return { base: Math.floor(parseAddress(address) / size) * size, bits };
}

/** `a.b.c.d/n` */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.base)}/${cidr.bits}`;
}

/** The nth address of a network (0 is the network itself). Throws when it lies outside. */
export function addressIn(cidr: Cidr, n: number): string {
  if (n < 0 || n >= 2 ** (32 - cidr.bits))
    throw new LabError('STATE', `${formatCidr(cidr)} has no address number ${n}`);
  return formatAddress(cidr.base + n);
}

/** The nth subnet with `bits` prefix length inside a network. Throws when it lies outside. */
export function subnetIn(cidr: Cidr, bits: number, n: number): Cidr {
  if (bits < cidr.bits || n < 0 || n >= 2 ** (bits - cidr.bits)) {
    throw new LabError('STATE', `${formatCidr(cidr)} has no /${bits} subnet number ${n}`);
  }
  return { base: cidr.base + n * 2 ** (32 - bits), bits };
}

/** True when the two networks share an address. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  const endOf = (c: Cidr): number => c.base + 2 ** (32 - c.bits);
  return a.base < endOf(b) && b.base < endOf(a);
}
