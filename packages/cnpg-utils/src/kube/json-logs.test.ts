import { expect, test } from 'vitest';
import { parseJsonLog, postgresRecords } from './json-logs.ts';

// As an instance of 1.30 writes it, shortened.
const record = {
  log_time: '2026-11-24 12:39:10.827 UTC',
  user_name: 'app',
  database_name: 'app',
  error_severity: 'ERROR',
  sql_state_code: '25006',
  message: 'cannot execute INSERT in a read-only transaction',
  query: '',
};

test('a line that is no JSON loses only itself', () => {
  const log = parseJsonLog('{"level":"info"}\n\npanic: oh\n[1]\n{"logger":"postgres","rec');
  expect(log.entries).toEqual([{ level: 'info' }]);
  expect(log.malformed).toEqual(['panic: oh', '[1]', '{"logger":"postgres","rec']);
  expect(parseJsonLog('')).toEqual({ entries: [], malformed: [] });
});

test('PostgreSQL’s own records', () => {
  const entries = [
    { logger: 'postgres', record },
    { logger: 'instance-manager', record },
    { logger: 'postgres', msg: 'x' },
  ];
  expect(postgresRecords(entries)).toEqual([
    {
      severity: 'ERROR',
      message: 'cannot execute INSERT in a read-only transaction',
      sqlState: '25006',
      user: 'app',
      database: 'app',
      at: '2026-11-24 12:39:10.827 UTC',
    },
  ]);
});
