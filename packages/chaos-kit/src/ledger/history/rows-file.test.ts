import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RowsWriter, readRows } from './rows-file.ts';

const facts = {
  table: 't',
  server: 'a',
  timeline: 2,
  unreachable: ['p: gone'],
  terminated: 3,
  forks: { unknown: 'x' },
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rows-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(rows: number): void {
  using file = new RowsWriter(dir);
  for (let i = 0; i < rows; i++) file.row(i - 5, i * 3, i % 7 === 0);
  file.commit(facts);
  expect(file.problem).toBeUndefined();
}

function read() {
  const rows: [number, number, boolean][] = [];
  const found = readRows(dir, (...row) => rows.push(row));
  return { rows, found };
}

test.each([0, 1, 7280, 20_000])('%d rows come back as they were', (count) => {
  write(count);
  const { rows, found } = read();
  expect(found).toEqual(facts);
  expect(rows).toEqual(Array.from({ length: count }, (_, i) => [i - 5, i * 3, i % 7 === 0]));
});

test('what was not completed leaves the earlier read in place, and nothing else', () => {
  expect(read().found).toBeUndefined();
  write(10);
  {
    using file = new RowsWriter(dir);
    for (let i = 0; i < 9000; i++) file.row(0, i, false);
  }
  expect(readdirSync(dir)).toEqual(['rows.bin']);
  expect(read().rows).toHaveLength(10);
  write(3);
  expect(read().rows).toHaveLength(3);
});

test('a directory that is not there is a problem, not an exception', () => {
  using file = new RowsWriter(join(dir, 'none'));
  for (let i = 0; i < 9000; i++) file.row(0, i, false);
  file.commit(facts);
  expect(file.problem).toContain('ENOENT');
});

test.each([
  ['foreign', (b: Buffer) => Buffer.concat([Buffer.from('PK'), b]), 'at byte 0: begins with "PKCNPGRO"'],
  ['cut', (b: Buffer) => b.subarray(0, -1), 'does not end with its trailer'],
  ['cut in its header', (b: Buffer) => b.subarray(0, 12), 'at byte 12: ends before its trailer'],
  ['short of a row', (b: Buffer) => Buffer.concat([b.subarray(0, 16), b.subarray(25)]), 'was cut or added to'],
  ['of another version', (b: Buffer) => b.fill(9, 8, 9), 'at byte 8: has version 9; this program reads version 1'],
  ['changed', (b: Buffer) => b.fill(9, 20, 21), 'the check sum does not match'],
])('a file that is %s is refused', (_, change, message) => {
  write(10);
  const file = join(dir, 'rows.bin');
  writeFileSync(file, change(readFileSync(file)));
  expect(read).toThrow(message);
  expect(read).toThrow(file);
});
