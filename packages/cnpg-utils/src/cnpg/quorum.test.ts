import { expect, test } from 'vitest';
import { quorumAllowsFailover } from './quorum.ts';

const names = (...standbyNames: string[]) => standbyNames;

test.for<[why: string, standbyNames: string[], standbyNumber: number, promotable: string[], allowed: boolean]>([
  ['any 1 of 2, both there', names('b', 'c'), 1, ['b', 'c'], true],
  ['any 1 of 2, one there', names('b', 'c'), 1, ['b'], false],
  ['any 2 of 2, one there', names('b', 'c'), 2, ['b'], true],
  ['any 1 of 4, three there', names('b', 'c', 'd', 'e'), 1, ['b', 'c', 'd'], false],
  ['any 2 of 4, three there', names('b', 'c', 'd', 'e'), 2, ['b', 'c', 'd'], true],
  ['others than the synchronous ones do not count', names('b', 'c'), 1, ['b', 'x', 'y'], false],
  ['the same one twice counts once', names('b', 'b', 'c'), 1, ['b', 'c'], true],
  ['none there', names('b'), 1, [], false],
  ['while the configuration changes', names('b', 'c'), 0, ['b', 'c'], false],
  ['an empty list', [], 1, ['b'], false],
])('%s', ([, standbyNames, standbyNumber, promotable, allowed]) => {
  expect(quorumAllowsFailover({ standbyNames, standbyNumber }, promotable).allowed).toBe(allowed);
});

test('without a quorum nothing is allowed', () => {
  expect(quorumAllowsFailover(undefined, ['b'])).toEqual({ allowed: false, reason: 'there is no FailoverQuorum' });
});
