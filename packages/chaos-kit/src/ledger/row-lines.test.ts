import { expect, test } from 'vitest';
import { Payloads } from './payload.ts';
import { RowLines } from './row-lines.ts';

const payloads = new Payloads(1, 16);

function reading(): { lines: RowLines; feed: (line: string) => void; rows: [number, number, boolean][] } {
  const rows: [number, number, boolean][] = [];
  const lines = new RowLines(payloads, 3, (...row) => rows.push(row));
  // a line between others, as it stands in what arrives
  const feed = (line: string): void => {
    const bytes = Buffer.from(line);
    lines.take(Buffer.concat([Buffer.from('1\t2\t'), bytes, Buffer.from('3\t4\tx\n')]), 4, 4 + bytes.length);
  };
  return { lines, feed, rows };
}

test('hands on who wrote a row, its number, and whether its payload was changed', () => {
  const { feed, rows } = reading();
  feed(`0\t5\t${payloads.text(0, 5)}\n`);
  feed(`31\t123456\t${payloads.text(31, 123_456)}\n`);
  feed(`0\t5\t${payloads.text(0, 6)}\n`);
  feed(`0\t5\t${payloads.text(0, 5)}x\n`);
  feed('-7\t-1\t\n');
  expect(rows).toEqual([
    [0, 5, false],
    [31, 123_456, false],
    [0, 5, true],
    [0, 5, true],
    [-7, -1, true],
  ]);
});

test('counts its own tombstone, leaves out earlier ones, and hands on later ones', () => {
  const { lines, feed, rows } = reading();
  for (const seq of [3, 2, 4]) feed(`-1\t${seq}\ttombstone\n`);
  expect(lines.tombstones).toBe(1);
  expect(rows).toEqual([[-1, 4, true]]);
});

test.each(['', '\n', '1\n', 'x\t1\ty\n', '1\t\\N', '1.5\t2\ty\n'])('throws on the unreadable line %j', (line) => {
  expect(() => reading().feed(line)).toThrow('unreadable row');
});
