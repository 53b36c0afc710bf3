import { describe, expect, test } from 'vitest';
import { durabilityObjection, zeroLossClaim } from './durability.ts';

const sync = { synchronousCommit: 'on', synchronousStandbyNames: 'ANY 1 (a, b)', fsync: 'on' };
const inForce = (over: Partial<typeof sync> = {}) => ({
  ...sync,
  ...over,
  acknowledged: 5,
  firstAckMs: 0,
  lastAckMs: 1,
});

describe('durabilityObjection', () => {
  test.each([{}, { synchronousCommit: 'remote_apply' }, { synchronousStandbyNames: '*' }])(
    'none against %j',
    (over) => {
      expect(durabilityObjection({ ...sync, ...over })).toBeUndefined();
    },
  );

  test.each([
    [{ synchronousCommit: 'off' }, 'synchronous_commit is "off"'],
    [{ synchronousCommit: 'local' }, 'synchronous_commit is "local"'],
    [{ synchronousCommit: 'remote_write' }, 'synchronous_commit is "remote_write"'],
    [{ synchronousStandbyNames: ' ' }, 'synchronous_standby_names is empty'],
    [{ fsync: 'off' }, 'fsync is "off"'],
    [{ synchronousCommit: 'unknown' }, 'could not be read in time'],
  ])('against %j', (over, message) => {
    expect(durabilityObjection({ ...sync, ...over })).toContain(message);
  });
});

describe('zeroLossClaim', () => {
  test('holds when every acknowledgement had the durability', () => {
    expect(zeroLossClaim([inForce(), inForce({ synchronousCommit: 'remote_apply' })], 0).allowed).toBe(true);
  });

  test('is refused for one setting among many, for one weak write, and for none at all', () => {
    expect(zeroLossClaim([inForce(), inForce({ synchronousCommit: 'local' })], 0)).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('(in force for 5 acknowledged writes)'),
    });
    expect(zeroLossClaim([inForce()], 1)).toMatchObject({ allowed: false });
    expect(zeroLossClaim([], 0)).toEqual({ allowed: false, reason: 'no write was acknowledged' });
  });
});
