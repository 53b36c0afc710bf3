import { describe, expect, test } from 'vitest';
import { LiveLine } from './live-line.ts';

const clear = '\r\u001B[2K';

function fakeStream(columns = 20) {
  const chunks: string[] = [];
  const stream = {
    columns,
    write(chunk: string | Uint8Array): boolean {
      chunks.push(String(chunk));
      return true;
    },
  };
  return { stream, chunks };
}

describe('LiveLine', () => {
  test('redraws in place and cuts to the width', () => {
    const { stream, chunks } = fakeStream(10);
    const line = new LiveLine(stream);
    line.update('one');
    line.update('a text that is too long');
    expect(chunks).toEqual([`${clear}one`, `${clear}a text t…`]);
  });

  test('steps aside for other output and comes back below it', () => {
    const { stream, chunks } = fakeStream();
    const line = new LiveLine(stream);
    line.update('live');
    stream.write('log\n');
    expect(chunks).toEqual([`${clear}live`, clear, 'log\n', `${clear}live`]);
  });

  test('waits for the end of a line that another writer began', () => {
    const { stream, chunks } = fakeStream();
    const line = new LiveLine(stream);
    stream.write('half ');
    line.update('live');
    stream.write('whole\n');
    expect(chunks).toEqual(['half ', 'whole\n', `${clear}live`]);
  });

  test('leaves the stream as it was', () => {
    const { stream, chunks } = fakeStream();
    const before = Object.getOwnPropertyDescriptor(stream, 'write');
    const line = new LiveLine(stream);
    line.update('live');
    line[Symbol.dispose]();
    expect(Object.getOwnPropertyDescriptor(stream, 'write')).toEqual(before);
    stream.write('after\n');
    expect(chunks.slice(1)).toEqual([clear, 'after\n']);
  });

  test('covers a second stream of the same terminal', () => {
    const out = fakeStream();
    const error = fakeStream();
    const line = new LiveLine(out.stream, [error.stream]);
    line.update('live');
    error.stream.write('warning\n');
    expect(error.chunks).toEqual(['warning\n']);
    expect(out.chunks).toEqual([`${clear}live`, clear, `${clear}live`]);
  });
});
