import { PassThrough } from 'node:stream';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { CopyOut, keepsNothing } from './copy-out.ts';

function frame(kind: string, body: string): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(kind, 'latin1');
  bytes.writeUInt32BE(4 + body.length, 1);
  bytes.write(body, 5, 'latin1');
  return bytes;
}

/** A copy on a connection whose driver notes what it is given and, as the driver does, calls the copy at its messages. */
function copying(onRow?: () => void) {
  const rows: string[] = [];
  const copy = new CopyOut('copy t to stdout', (bytes, start, end) => {
    onRow?.();
    rows.push(bytes.toString('latin1', start, end));
  });
  const stream = new PassThrough();
  let seen = '';
  stream.on('data', (bytes: Buffer) => {
    seen += bytes.toString('latin1').replaceAll(/[^A-Za-z]/g, '');
    if (bytes[0] === 0x5a) copy.handleReadyForQuery();
  });
  copy.submit({ stream, query: () => undefined } as unknown as pg.Connection);
  return { copy, stream, rows, seenByDriver: () => seen };
}

const reply = Buffer.concat([
  frame('H', 'x'),
  frame('d', 'a\t1\n'),
  frame('N', 'notice'),
  frame('d', 'b\t2\n'),
  frame('c', ''),
  frame('Z', 'I'),
]);

describe('CopyOut', () => {
  test.each([1, 3, 7, 1000])('hands over each row in pieces of %i bytes, and all else to the driver', async (size) => {
    const { copy, stream, rows, seenByDriver } = copying();
    copy.handleCommandComplete({ text: 'COPY 2' });
    for (let at = 0; at < reply.length; at += size) stream.write(reply.subarray(at, at + size));
    expect(await copy.done).toBe(2);
    expect(rows).toEqual(['a\t1\n', 'b\t2\n']);
    expect(seenByDriver()).toBe('HxNnoticecZI');
    // and then the driver has its socket again
    stream.write('later');
    await new Promise(setImmediate);
    expect(seenByDriver()).toBe('HxNnoticecZIlater');
  });

  test.each([1, 3, 7, 1000])('keeps nothing of what it is given, in pieces of %i bytes', async (size) => {
    const { copy, stream, rows } = copying();
    copy.handleCommandComplete({ text: 'COPY 2' });
    for (let at = 0; at < reply.length; at += size) {
      expect(keepsNothing(stream)).toBe(true);
      const lent = Buffer.from(reply.subarray(at, at + size));
      stream.emit('data', lent);
      lent.fill('x');
    }
    expect(await copy.done).toBe(2);
    expect(rows).toEqual(['a\t1\n', 'b\t2\n']);
    expect(keepsNothing(stream)).toBe(false);
  });

  test('a copy that came short, or that never reported, is no result', async () => {
    const short = copying();
    short.copy.handleCommandComplete({ text: 'COPY 3' });
    short.stream.write(reply);
    await expect(short.copy.done).rejects.toThrow('2 rows of the copy arrived, the server reports 3');

    const silent = copying();
    silent.stream.write(reply);
    await expect(silent.copy.done).rejects.toThrow('2 rows of the copy arrived, the server reports undefined');
  });

  test('an error on the way, or in the handling of a row, is no result', async () => {
    const cut = copying().copy;
    cut.handleError(new Error('Connection terminated unexpectedly'));
    await expect(cut.done).rejects.toThrow('terminated');

    const unreadable = copying(() => {
      throw new Error('unreadable row');
    });
    unreadable.copy.handleCommandComplete({ text: 'COPY 2' });
    unreadable.stream.write(reply);
    await expect(unreadable.copy.done).rejects.toThrow('unreadable row');
  });
});
