import { expect, test } from 'vitest';
import { parseServer } from './server.ts';

test.each([
  [
    'postgres://app:s%40fe@10.0.0.1:6000/app',
    { host: '10.0.0.1', port: 6000, user: 'app', password: 's@fe', database: 'app' },
  ],
  ['postgresql://app:x@[fd00::1]/d', { host: 'fd00::1', port: 5432, database: 'd' }],
])('%s', (text, parts) => {
  expect(parseServer(text)).toMatchObject(parts);
});

test.each(['', 'app', 'http://app:secret@h/d', 'postgres://h/d', 'postgres://app:secret@h'])(
  '%j is refused',
  (text) => {
    expect(() => parseServer(text)).toThrow('postgres://user:password@host:5432/database would be right');
    expect(() => parseServer(text)).not.toThrow('secret');
  },
);
