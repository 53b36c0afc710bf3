import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Channel } from './channel.ts';
import { parseFromWriters, type FromWriters, type ToWriters } from './messages.ts';

test('a runner that is gone, of which an answer is the first to learn, is an orderly end', async () => {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@cnpg-chaos/source', main], { stdio: ['pipe', 'pipe', 'pipe'] });
  const greeted = Promise.withResolvers<FromWriters>();
  new Channel<FromWriters, ToWriters>(
    { input: child.stdout, output: child.stdin },
    { parse: parseFromWriters, onMessage: greeted.resolve, onEnd: () => undefined },
  );
  expect(await greeted.promise).toMatchObject({ kind: 'hello' });
  // what a killed runner does to the pipes, in the order that is worst: nobody reads any more, and input has not ended yet
  child.stdout.destroy();
  child.stderr.destroy();
  await Promise.all([once(child.stdout, 'close'), once(child.stderr, 'close')]);
  const text = Buffer.from(JSON.stringify({ kind: 'ping', id: 1 }));
  const head = Buffer.alloc(8);
  head.writeUInt32LE(text.length, 0);
  child.stdin.write(Buffer.concat([head, text]));
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
});
