import { expect, test } from 'vitest';
import { RunRecord } from './run-record.ts';
import { Tally } from './tally.ts';

function recordOf(writes: number): RunRecord {
  const record = new RunRecord(2);
  for (let i = 0; i < writes; i++) {
    record.begin(0);
    record.begin(1);
  }
  return record;
}

test('counts rows, copies, changes and strangers', () => {
  const tally = new Tally(recordOf(12));
  tally.add(0, 0, false);
  tally.add(1, 11, false);
  tally.add(1, 11, false);
  tally.add(1, 11, false);
  tally.add(0, 5, true);
  tally.add(0, 12, false);
  tally.add(2, 0, false);
  tally.add(-7, 0, true);
  tally.add(0, -1, false);
  tally.add(-1, 4, true);
  expect(tally).toMatchObject({ rows: 10, duplicated: 2, corrupted: 1, unexpected: 5 });
  expect(tally.foreign).toEqual([
    { writer: 0, seq: 12 },
    { writer: 2, seq: 0 },
    { writer: -7, seq: 0 },
    { writer: 0, seq: -1 },
    { writer: -1, seq: 4 },
  ]);
  expect(tally.changed).toEqual([{ writer: 0, seq: 5 }]);
});

test('a new read starts from nothing', () => {
  const record = recordOf(1);
  new Tally(record).add(0, 0, false);
  const second = new Tally(record);
  second.add(0, 0, false);
  expect(second.duplicated).toBe(0);
});
