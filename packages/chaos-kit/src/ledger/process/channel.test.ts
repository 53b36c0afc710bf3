import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Channel } from './channel.ts';

function pair() {
  const wire = new PassThrough();
  const seen: [unknown, string][] = [];
  const ends: (Error | undefined)[] = [];
  const parse = (message: unknown): unknown => {
    if (message === 'odd') throw new Error('an odd message');
    return message;
  };
  const receiver = new Channel<unknown, unknown>(
    { input: wire, output: new PassThrough() },
    { parse, onMessage: (message, bytes) => seen.push([message, bytes.toString()]), onEnd: (why) => ends.push(why) },
  );
  const sent = new PassThrough();
  const sender = new Channel<unknown, unknown>(
    { input: new PassThrough(), output: sent },
    { parse, onMessage: () => undefined, onEnd: () => undefined },
  );
  return { wire, sent, sender, receiver, seen, ends };
}

test.each([1, 5, 1000])('messages and bytes arrive whole, in pieces of %i bytes', async (size) => {
  const { wire, sent, sender, seen, ends } = pair();
  sender.send({ kind: 'a', text: 'ü' });
  sender.send(['b'], Buffer.from('bytes'));
  sender.send({});
  const all = sent.read() as Buffer;
  for (let at = 0; at < all.length; at += size) wire.write(all.subarray(at, at + size));
  wire.end();
  await new Promise((resolve) => wire.once('close', resolve));
  expect(seen).toEqual([
    [{ kind: 'a', text: 'ü' }, ''],
    [['b'], 'bytes'],
    [{}, ''],
  ]);
  expect(ends).toEqual([undefined]);
});

test.each([
  ['what is no message ends it', Buffer.from('what is this'), 'a frame of'],
  [
    'what cannot be parsed ends it',
    Buffer.concat([Buffer.from([5, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('"odd"')]),
    'an odd message',
  ],
])('%s', async (_what, bytes, why) => {
  const { wire, seen, ends } = pair();
  wire.write(bytes);
  await new Promise(setImmediate);
  expect(seen).toEqual([]);
  expect(ends).toHaveLength(1);
  expect(ends[0]?.message).toContain(why);
});
