import { describe, expect, test } from 'vitest';
import { RunRecord } from './run-record.ts';
import type { SessionFacts } from './session.ts';

const facts: SessionFacts = {
  synchronousCommit: 'on',
  synchronousStandbyNames: 'ANY 1 (a)',
  fsync: 'on',
  durabilityHash: 7,
  serverVersion: 170_000,
  inRecovery: false,
  timeline: 1,
  server: '10.0.0.1:5432',
  systemIdentifier: '1',
  ownSessions: 1,
};
const at = (endMs: number, seq = -1) =>
  ({ writer: 0, seq, outcome: 'ok', dueMs: 0, sentMs: 0, endMs, lsn: 0 }) as const;

describe('RunRecord', () => {
  test('attributes acknowledgements to server and timeline', () => {
    const record = new RunRecord(1);
    record.connected(0, 1, facts, 0);
    record.acknowledge(at(1, record.begin(0)), 'a', 1, 7);
    record.acknowledge(at(2, record.begin(0)), 'a', 1, 7);
    record.acknowledge(at(3, record.begin(0)), 'a', 2, 7);
    record.acknowledge(at(4, record.begin(0)), 'b', 2, 7);
    expect(record.origins).toEqual([
      { server: 'a', timeline: 1, acknowledged: 2, firstAckMs: 1, lastAckMs: 2 },
      { server: 'a', timeline: 2, acknowledged: 1, firstAckMs: 3, lastAckMs: 3 },
      { server: 'b', timeline: 2, acknowledged: 1, firstAckMs: 4, lastAckMs: 4 },
    ]);
    expect(record.highestTimeline).toBe(2);
    expect(record.completions.at(2).origin).toBe(1);
  });

  test('settings that change under a session are asked for once and count from their first write', () => {
    const record = new RunRecord(1);
    record.connected(0, 1, facts, 0);
    expect(record.acknowledge(at(1, record.begin(0)), 'a', 1, 7)).toBe(true);
    expect(record.acknowledge(at(2, record.begin(0)), 'a', 1, 8)).toBe(false);
    expect(record.durability().inForce[1]).toMatchObject({ synchronousCommit: 'unknown', acknowledged: 1 });
    record.learnSettings({ ...facts, durabilityHash: 8, synchronousStandbyNames: '' });
    expect(record.acknowledge(at(3, record.begin(0)), 'a', 1, 8)).toBe(true);
    expect(record.durability().inForce).toMatchObject([
      { synchronousStandbyNames: 'ANY 1 (a)', acknowledged: 1 },
      { synchronousStandbyNames: '', acknowledged: 2, firstAckMs: 2, lastAckMs: 3 },
    ]);
  });

  test('counts add up and reasons are grouped, most frequent first, without growing for ever', () => {
    const record = new RunRecord(2);
    record.begin(0);
    for (let i = 0; i < 300; i++) {
      record.unacknowledged({ ...at(i, record.begin(1)), writer: 1, outcome: 'fail' }, new Error(`port ${i}`));
    }
    record.unacknowledged({ ...at(301, record.begin(1)), writer: 1, outcome: 'info' }, new Error('port 0'));
    expect(record.counts).toMatchObject({ attempted: 302, ok: 0, fail: 300, info: 1 });
    expect(record.inFlight).toBe(1);
    expect(record.reasons.length).toBeLessThanOrEqual(101);
    expect(record.reasons[0]?.reason).toBe('other reasons');
    expect(record.reasons.reduce((sum, { count }) => sum + count, 0)).toBe(301);
  });

  test('keeps the first 1 000 sessions and counts all', () => {
    const record = new RunRecord(1);
    for (let epoch = 1; epoch <= 1500; epoch++) record.connected(0, epoch, facts, epoch);
    expect(record.durability()).toMatchObject({ sessionCount: 1500 });
    expect(record.durability().sessions).toHaveLength(1000);
  });
});
