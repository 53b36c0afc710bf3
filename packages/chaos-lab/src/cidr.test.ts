import { describe, expect, test } from 'vitest';
import { addressIn, formatAddress, formatCidr, overlaps, parseAddress, parseCidr, subnetIn } from './cidr.ts';

describe('addresses', () => {
  test('are parsed and printed back', () => {
    expect(formatAddress(parseAddress('172.31.0.10'))).toBe('172.31.0.10');
    expect(formatAddress(parseAddress('255.255.255.255'))).toBe('255.255.255.255');
  });

  test.each(['172.31.0', '172.31.0.256', 'a.b.c.d', '', '1.2.3.4.5', '1.2.3.-4'])("'%s' is refused by name", (text) => {
    expect(() => parseAddress(text)).toThrow(`'${text}' is no IPv4 address`);
  });
});

describe('networks', () => {
  test('lose their host bits', () => {
    expect(formatCidr(parseCidr('10.244.3.7/16'))).toBe('10.244.0.0/16');
    expect(formatCidr(parseCidr('10.244.3.7'))).toBe('10.244.3.7/32');
    expect(formatCidr(parseCidr('0.0.0.0/0'))).toBe('0.0.0.0/0');
  });

  test.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/x'])("'%s' is refused", (text) => {
    expect(() => parseCidr(text)).toThrow('is no IPv4 network');
  });

  test('give addresses and subnets by number, and none outside', () => {
    expect(addressIn(parseCidr('172.31.0.0/16'), 10)).toBe('172.31.0.10');
    expect(() => addressIn(parseCidr('10.0.0.0/30'), 4)).toThrow('10.0.0.0/30 has no address number 4');
    expect(formatCidr(subnetIn(parseCidr('10.244.0.0/16'), 24, 3))).toBe('10.244.3.0/24');
    expect(() => subnetIn(parseCidr('10.244.0.0/16'), 24, 256)).toThrow('has no /24 subnet number 256');
  });

  test.each([
    ['10.0.0.0/8', '10.244.0.0/16', true],
    ['10.244.0.0/16', '10.0.0.0/8', true],
    ['10.244.1.0/24', '10.244.2.0/24', false],
    ['10.244.255.255/32', '10.244.0.0/16', true],
    ['10.245.0.0/32', '10.244.0.0/16', false],
    ['192.168.0.0/16', '0.0.0.0/0', true],
  ])('%s and %s overlap: %s', (a, b, expected) => {
    expect(overlaps(parseCidr(a), parseCidr(b))).toBe(expected);
  });
});
