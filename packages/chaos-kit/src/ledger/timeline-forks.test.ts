import { expect, test } from 'vitest';
import { parseTimelineHistory, readForks } from './timeline-forks.ts';

const never = new AbortController().signal;

test('reads the history that a promotion writes', () => {
  const text = '1\t0/176CCC8\tno recovery target specified\n\n# comment\n2\t0/9000000\tbefore 2026-01-01 00:00:00+00\n';
  expect(parseTimelineHistory(text, 'f')).toEqual([
    { timeline: 1, lsn: 0x176ccc8, reason: 'no recovery target specified' },
    { timeline: 2, lsn: 0x9000000, reason: 'before 2026-01-01 00:00:00+00' },
  ]);
});

test.each([
  ['', 'f names no earlier timeline'],
  ['x\t0/1\ty', 'f has a line "x\t0/1\ty" that is no fork'],
  ['1\tabc', 'f has a line "1\tabc" that is no fork'],
])('%j is unknown', (text, unknown) => {
  expect(parseTimelineHistory(text, 'f')).toEqual({ unknown });
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
