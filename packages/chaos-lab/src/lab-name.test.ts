import { expect, test } from 'vitest';
import { checkLabName, defaultLabName } from './lab-name.ts';

test.each([defaultLabName, 'a', 'lab-2', '0'.repeat(30)])("'%s' is a lab name", (name) => {
  expect(checkLabName(name)).toBe(name);
});

test.each(['', '-a', 'a-', 'A', 'a_b', 'a.b', '../x', 'a b', '0'.repeat(31), 'ü'])("'%s' is refused", (name) => {
  expect(() => checkLabName(name)).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
  expect(() => checkLabName(name)).toThrow(`lab name '${name}' is not valid`);
});
