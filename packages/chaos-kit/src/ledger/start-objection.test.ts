import { expect, test } from 'vitest';
import type { SessionFacts } from './session.ts';
import { ownShare, startObjection } from './start-objection.ts';

const facts: SessionFacts = {
  synchronousCommit: 'on',
  synchronousStandbyNames: 'ANY 1 (a)',
  fsync: 'on',
  durabilityHash: 7,
  serverVersion: 140_000,
  inRecovery: false,
  timeline: 1,
  server: '10.0.0.1:5432',
  systemIdentifier: '1',
  ownSessions: 1,
  connectionLimit: 97,
};
const options = { expectSync: true, writers: 32 };

test('nothing stands against the oldest server that is known, with room for all writers', () => {
  expect(startObjection(facts, options)).toBeUndefined();
  expect(startObjection({ ...facts, connectionLimit: undefined }, { ...options, writers: 256 })).toBeUndefined();
  expect(ownShare(facts)).toBe(77);
});

test.each([
  [{ serverVersion: 130_014 }, {}, 'runs server version 130014; PostgreSQL 14 or newer is needed'],
  [{ inRecovery: true }, {}, 'is in recovery: the target must lead to the primary'],
  [{ synchronousStandbyNames: '' }, {}, 'synchronous replication is expected on 10.0.0.1:5432'],
  [
    {},
    { writers: 78 },
    '78 writers are too many for 10.0.0.1:5432, which gives 97 connections to ordinary roles: at most 77',
  ],
])('a server with %j is refused for %j', (odd, wish, message) => {
  expect(startObjection({ ...facts, ...odd }, { ...options, ...wish })?.message).toContain(message);
});

test('no synchronous replication is fine where none is expected', () => {
  expect(startObjection({ ...facts, synchronousStandbyNames: '' }, { ...options, expectSync: false })).toBeUndefined();
});
