import { expect, test } from 'vitest';
import { readForks } from './timeline-forks.ts';

const never = new AbortController().signal;
const answering = (history: string) => async () => [{ history }];

test('reads the history that a promotion writes', async () => {
  const text = '1\t0/176CCC8\tno recovery target specified\n\n# comment\n2\t0/9000000\tbefore 2026-01-01 00:00:00+00\n';
  expect(await readForks(answering(text), 3, never)).toEqual([
    { timeline: 1, lsn: 0x176ccc8, reason: 'no recovery target specified' },
    { timeline: 2, lsn: 0x9000000, reason: 'before 2026-01-01 00:00:00+00' },
  ]);
});

test.each([
  ['', 'pg_wal/00000003.history names no earlier timeline'],
  ['x\t0/1\ty', '"x\\t0/1\\ty" is no line of a timeline history'],
  ['1\tabc', '"1\\tabc" is no line of a timeline history'],
])('%j is unknown', async (text, unknown) => {
  expect(await readForks(answering(text), 3, never)).toEqual({ unknown: expect.stringContaining(unknown) as string });
});

test('asks for the file of the timeline, and says why it got none', async () => {
  const asked: string[] = [];
  const admin = async (sql: string) => {
    asked.push(sql);
    return [{ history: '1\t0/1\ty' }];
  };
  expect(await readForks(admin, 1, never)).toEqual([]);
  expect(await readForks(admin, 26, never)).toEqual([{ timeline: 1, lsn: 1, reason: 'y' }]);
  expect(asked).toEqual(["select pg_read_file('pg_wal/0000001A.history') as history"]);
  expect(await readForks(undefined, 2, never)).toEqual({ unknown: 'no superuser could be asked on the primary' });
  const refuse = () => Promise.reject(new Error('permission denied'));
  expect(await readForks(refuse, 2, never)).toEqual({ unknown: 'permission denied' });
});
