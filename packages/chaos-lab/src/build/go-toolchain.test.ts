import { expect, test } from 'vitest';
import { isAtLeast } from './go-toolchain.ts';

test.for([
  ['1.26.8', '1.26.4', true],
  ['1.26.4', '1.26.4', true],
  ['1.26.0', '1.26.4', false],
  ['1.26', '1.26.0', true],
  ['1.9.9', '1.26.0', false],
  ['1.27rc1', '1.26.4', true],
  ['2.0', '1.26.4', true],
] as const)('%s at least %s: %s', ([version, minimum, expected]) => {
  expect(isAtLeast(version, minimum)).toBe(expected);
});
