import { expect, test } from 'vitest';
import { compareLsn, formatLsn, InvalidLsnError, lsnDiff, parseLsn } from './lsn.ts';

test.for([
  ['0/0', 0n],
  ['0/3000148', 0x3000148n],
  ['1/0', 0x1_0000_0000n],
  ['A0/B374D848', 0xa0_b374_d848n],
  ['FFFFFFFF/FFFFFFFF', 0xffff_ffff_ffff_ffffn],
] as const)('%s is %d, both ways', ([text, value]) => {
  expect(parseLsn(text)).toBe(value);
  expect(formatLsn(value)).toBe(text);
});

test('a position beyond 2^53 keeps its last byte', () => {
  expect(lsnDiff('FFFFFFFF/FFFFFFFF', 'FFFFFFFF/FFFFFFFE')).toBe(1n);
});

test('positions sort by value, not by text', () => {
  expect(['0/A000000', '0/90', '1/0'].toSorted(compareLsn)).toEqual(['0/90', '0/A000000', '1/0']);
  expect(compareLsn('0/1', 1n)).toBe(0);
});

test.for(['', '0', '0/', '/1', '0/G', '0/123456789', '0-1', 'null'])('%j is refused', (text) => {
  expect(() => parseLsn(text)).toThrow(InvalidLsnError);
});
