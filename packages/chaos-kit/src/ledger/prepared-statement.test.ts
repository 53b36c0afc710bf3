import { PassThrough } from 'node:stream';
import type pg from 'pg';
import { expect, test, vi } from 'vitest';
import { PreparedStatement } from './prepared-statement.ts';
import type { Settled } from './prepared-statement.ts';

function connection(parsed: Record<string, string> = {}) {
  const stream = new PassThrough();
  return { stream, parsedStatements: parsed } as unknown as pg.Connection & { stream: PassThrough };
}

/** Kinds and bodies of the messages that were written. */
function messages(stream: PassThrough): [string, string][] {
  const bytes = (stream.read() as Buffer | null) ?? Buffer.alloc(0);
  const found: [string, string][] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    found.push([bytes.toString('latin1', at, at + 1), bytes.toString('latin1', at + 5, end)]);
    at = end;
  }
  return found;
}

const statement = new PreparedStatement('s', 'insert $1, $2');
const bind = '\0s\0\0\0\0\x02\0\0\0\x02ab\0\0\0\x01c\0\0';

test('is prepared by its first execution, and then only bound', () => {
  const fresh = connection();
  const execution = statement.execution(['ab', 'c'], () => {});
  execution.submit(fresh);
  expect(execution.sent).toBe(true);
  expect(messages(fresh.stream)).toEqual([
    ['P', 's\0insert $1, $2\0\0\0'],
    ['B', bind],
    ['E', '\0\0\0\0\0'],
    ['S', ''],
  ]);
  const used = connection({ s: 'insert $1, $2' });
  statement.execution(['ab', 'c'], () => {}).submit(used);
  expect(messages(used.stream).map(([kind]) => kind)).toEqual(['B', 'E', 'S']);
});

test('is settled at ReadyForQuery with the first row and the number of the command', () => {
  const settled = vi.fn<Settled>();
  const execution = statement.execution(['ab', 'c'], settled);
  execution.handleDataRow({ fields: ['1', null] });
  execution.handleDataRow({ fields: ['2', null] });
  execution.handleCommandComplete({ text: 'INSERT 0 2' });
  expect(settled).not.toHaveBeenCalled();
  execution.handleReadyForQuery();
  expect(settled.mock.calls).toEqual([[execution, undefined]]);
  expect(execution.executed).toEqual({ row: ['1', null], count: 2 });
});

test('on a socket that is closed nothing was sent', () => {
  const gone = connection();
  gone.stream.end();
  const execution = statement.execution(['ab', 'c'], () => {});
  execution.submit(gone);
  expect(execution.sent).toBe(false);
});
