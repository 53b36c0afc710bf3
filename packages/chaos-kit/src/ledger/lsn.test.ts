import { expect, test } from 'vitest';
import { formatPosition, parsePosition } from './lsn.ts';

test.each([
  ['0/0', 0],
  ['0/176CCC8', 0x176ccc8],
  ['0/FFFFFFFF', 0xffffffff],
  ['1/0', 2 ** 32],
  ['1FFFFF/FFFFFFFF', Number.MAX_SAFE_INTEGER],
])('%s, both ways', (text, position) => {
  expect(parsePosition(text)).toBe(position);
  expect(formatPosition(position)).toBe(text);
});

test.each(['', '0', '/', '0/G', '0/123456789', 'undefined'])('%j is no position', (text) => {
  expect(parsePosition(text)).toBeUndefined();
});
