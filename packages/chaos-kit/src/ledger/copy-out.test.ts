import { describe, expect, test } from 'vitest';
import { CopyOut } from './copy-out.ts';

// The driver calls these in the order of the protocol's messages.
function copying(): { copy: CopyOut; rows: string[] } {
  const rows: string[] = [];
  return { rows, copy: new CopyOut('copy t to stdout', (row) => rows.push(row.toString())) };
}

describe('CopyOut', () => {
  test('hands over each row and resolves with their number', async () => {
    const { copy, rows } = copying();
    for (const row of ['a\n', 'b\n']) copy.handleCopyData({ chunk: Buffer.from(row) });
    copy.handleCommandComplete({ text: 'COPY 2' });
    copy.handleReadyForQuery();
    expect(await copy.done).toBe(2);
    expect(rows).toEqual(['a\n', 'b\n']);
  });

  test('a copy that came short, or that never reported, is no result', async () => {
    const short = copying().copy;
    short.handleCopyData({ chunk: Buffer.from('a\n') });
    short.handleCommandComplete({ text: 'COPY 2' });
    short.handleReadyForQuery();
    await expect(short.done).rejects.toThrow('1 rows of the copy arrived, the server reports 2');

    const silent = copying().copy;
    silent.handleReadyForQuery();
    await expect(silent.done).rejects.toThrow('0 rows of the copy arrived, the server reports undefined');
  });

  test('an error on the way, or in the handling of a row, is no result', async () => {
    const cut = copying().copy;
    cut.handleError(new Error('Connection terminated unexpectedly'));
    await expect(cut.done).rejects.toThrow('terminated');

    const unreadable = new CopyOut('copy t to stdout', () => {
      throw new Error('unreadable row');
    });
    unreadable.handleCopyData({ chunk: Buffer.from('?') });
    unreadable.handleCommandComplete({ text: 'COPY 1' });
    unreadable.handleReadyForQuery();
    await expect(unreadable.done).rejects.toThrow('unreadable row');
  });
});
