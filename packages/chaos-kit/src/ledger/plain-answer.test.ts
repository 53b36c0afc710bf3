import { expect, test } from 'vitest';
import { backendMessage as message } from '../../test/ledger/backend-message.ts';
import { endsWithReady, readPlainAnswer } from './plain-answer.ts';

function row(...fields: (string | null)[]): Buffer {
  const parts = fields.map((field) => {
    const bytes = Buffer.alloc(4 + (field?.length ?? 0));
    bytes.writeInt32BE(field?.length ?? -1);
    bytes.write(field ?? '', 4, 'latin1');
    return bytes;
  });
  return message('D', Buffer.concat([Buffer.of(0, fields.length), ...parts]));
}

const bound = message('2');
const done = message('C', 'INSERT 0 12\0');
const ready = message('Z', 'I');

test('reads one row and the number of the command', () => {
  const answer = Buffer.concat([bound, row('1', null, '', '0/AB'), done, ready]);
  expect(readPlainAnswer(answer)).toEqual({ row: ['1', null, '', '0/AB'], count: 12 });
});

test('leaves everything else to the driver', () => {
  const plain = [bound, row('1'), done, ready];
  const others = {
    'a statement that was parsed': [message('1'), ...plain],
    'no row': [bound, done, ready],
    'two rows': [bound, row('1'), row('2'), done, ready],
    'a warning': [message('N', 'SWARNING\0\0'), ...plain],
    'a warning after the row': [bound, row('1'), message('N', 'SWARNING\0\0'), done, ready],
    'an error': [bound, message('E', 'SERROR\0\0'), ready],
    'an open transaction': [bound, row('1'), done, message('Z', 'T')],
    'something behind it': [...plain, message('S', 'a\0b\0')],
    'two answers': [...plain, ...plain],
  };
  const read = Object.entries(others).filter(([, messages]) => readPlainAnswer(Buffer.concat(messages)) !== undefined);
  expect(read).toEqual([]);
  const whole = Buffer.concat(plain);
  for (let end = 0; end < whole.length; end++) expect(readPlainAnswer(whole.subarray(0, end))).toBeUndefined();
  for (let begin = 1; begin < whole.length; begin++) expect(readPlainAnswer(whole.subarray(begin))).toBeUndefined();
});

test('knows where ReadyForQuery is the end', () => {
  expect(endsWithReady(Buffer.concat([done, ready]))).toBe(true);
  expect(endsWithReady(message('Z', 'E'))).toBe(true);
  expect(endsWithReady(done)).toBe(false);
  expect(endsWithReady(ready.subarray(0, 5))).toBe(false);
});
