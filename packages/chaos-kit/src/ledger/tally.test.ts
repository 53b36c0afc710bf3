import { describe, expect, test } from 'vitest';
import { Payloads } from './payload.ts';
import { RunRecord } from './run-record.ts';
import { Tally } from './tally.ts';

function tallyOf(writes: number): { tally: Tally; payloads: Payloads } {
  const record = new RunRecord(2);
  for (let i = 0; i < writes; i++) {
    record.begin(0);
    record.begin(1);
  }
  const payloads = new Payloads(1, 16);
  return { tally: new Tally(record, payloads, 3), payloads };
}

/** A line between others, as it stands in what arrives. */
function feedLine(tally: Tally, line: Buffer): void {
  tally.row(Buffer.concat([Buffer.from('1\t2\t'), line, Buffer.from('3\t4\tx\n')]), 4, 4 + line.length);
}

describe('Tally', () => {
  test('counts rows, copies, changes and strangers', () => {
    const { tally, payloads } = tallyOf(12);
    const feed = (writer: number, seq: number, payload = payloads.text(writer, seq)) =>
      feedLine(tally, Buffer.from(`${writer}\t${seq}\t${payload}\n`));
    feed(0, 0);
    feed(1, 11);
    feed(1, 11);
    feed(1, 11);
    feed(0, 5, 'x'.repeat(16));
    feed(0, 12);
    feed(2, 0);
    feed(-7, 0);
    feed(0, -1);
    feed(-1, 3, 'tombstone');
    feed(-1, 2, 'tombstone');
    feed(-1, 4, 'tombstone');
    expect(tally).toMatchObject({ rows: 10, tombstones: 1, duplicated: 2, corrupted: 1, unexpected: 5 });
    expect(tally.foreign).toEqual([
      { writer: 0, seq: 12 },
      { writer: 2, seq: 0 },
      { writer: -7, seq: 0 },
      { writer: 0, seq: -1 },
      { writer: -1, seq: 4 },
    ]);
    expect(tally.changed).toEqual([{ writer: 0, seq: 5 }]);
  });

  test.each(['', '\n', '1\n', 'x\t1\ty\n', '1\t\\N', '1.5\t2\ty\n'])('throws on the unreadable line %j', (line) => {
    expect(() => feedLine(tallyOf(1).tally, Buffer.from(line))).toThrow('unreadable row');
  });

  test('a new read starts from nothing', () => {
    const record = new RunRecord(1);
    record.begin(0);
    const payloads = new Payloads(1, 16);
    const line = Buffer.from(`0\t0\t${payloads.text(0, 0)}\n`);
    feedLine(new Tally(record, payloads, 0), line);
    const second = new Tally(record, payloads, 1);
    feedLine(second, line);
    expect(second.duplicated).toBe(0);
  });
});
