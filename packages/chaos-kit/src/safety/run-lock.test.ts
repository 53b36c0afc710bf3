import { describe, expect, test } from 'vitest';
import { holderIdentity, judgeLease, microTime, RunLockedError, type RunLease, runLockName } from './run-lock.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const us = 'me@here pid 10 run aaaa';

function lease(holderIdentityOf: string | undefined, ageMs: number): RunLease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: runLockName, namespace: 'n' },
    spec: {
      ...(holderIdentityOf === undefined ? {} : { holderIdentity: holderIdentityOf }),
      leaseDurationSeconds: 30,
      renewTime: new Date(now - ageMs).toISOString(),
    },
  };
}

describe('judgeLease', () => {
  test.each([
    ['free without a lease', undefined, 'free'],
    ['free without a holder', lease(undefined, 0), 'free'],
    ['free with an empty holder', lease('', 0), 'free'],
    ['ours for another process of the same run', lease('me@here pid 11 run aaaa', 0), 'ours'],
    ['held by another run', lease('you@there pid 10 run bbbb', 1_000), 'held'],
    ['held when it is a little old: clocks differ', lease('you@there pid 10 run bbbb', 60_000), 'held'],
    ['expired when it is very old', lease('you@there pid 10 run bbbb', 100_000), 'expired'],
    ['held by a stranger whose identity has no run', lease('somebody', 0), 'held'],
  ])('%s', (_what, found, expected) => {
    expect(judgeLease(found, us, 30_000, now)).toBe(expected);
  });
});

test('the refusal names the holder and the way out', () => {
  const { message } = new RunLockedError('team', 'you@there pid 10 run bbbb', 'it renewed its Lease');
  expect(message).toContain('you@there pid 10 run bbbb');
  expect(message).toContain('kubectl -n team delete lease cnpg-chaos-run');
});

test('identities of one run share it, those of two do not', () => {
  expect(holderIdentity('r1')).toMatch(/@.* pid \d+ run r1$/);
  expect(holderIdentity()).not.toBe(holderIdentity());
});

test('a time that was read from a Lease can be written back', () => {
  expect(microTime('2026-11-24T11:42:06.978000Z')).toBe('2026-11-24T11:42:06.978000Z');
  expect(microTime(new Date('2026-11-24T11:42:06.978Z'))).toBe('2026-11-24T11:42:06.978000Z');
});
