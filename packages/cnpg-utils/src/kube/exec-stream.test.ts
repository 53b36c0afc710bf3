import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import type { KubeClient } from './client.ts';
import { NotFoundError } from './errors.ts';
import { execStream } from './exec-stream.ts';

const target = { namespace: 'n', pod: 'p' };

let server: FakeApiServer;
let kube: KubeClient;

eachWithServer((fresh) => ({ server, kube } = fresh));

const frame = (channel: number, text: string): Buffer => Buffer.concat([Buffer.of(channel), Buffer.from(text)]);

test('talks to a command until it ends', async () => {
  server.execHandler = (socket) => {
    socket.on('message', (data: Buffer) => {
      const text = data.subarray(1).toString();
      if (text !== 'end') return socket.send(frame(1, text.toUpperCase()));
      socket.send(frame(2, 'bye'));
      const details = { causes: [{ reason: 'ExitCode', message: '3' }] };
      socket.send(frame(3, JSON.stringify({ status: 'Failure', details })));
    });
  };
  const stream = await execStream(kube, target, ['cat']);
  stream.stdin.write('hello');
  const first: unknown = await new Promise((resolve) => stream.stdout.once('data', resolve));
  expect(String(first)).toBe('HELLO');
  stream.stdin.write('end');
  expect(await stream.ended).toBe('exit code 3: bye');
});

test('a connection that is lost is an end, and what is written afterwards does no harm', async () => {
  server.execHandler = (socket) => socket.terminate();
  const stream = await execStream(kube, target, ['cat']);
  expect(await stream.ended).toMatch(/^the connection closed/);
  stream.stdin.write('x');
});

test('a refusal is the error of the API server', async () => {
  await expect(execStream(kube, target, ['cat'])).rejects.toBeInstanceOf(NotFoundError);
});
