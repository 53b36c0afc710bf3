import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { FakeApiServer, type SeenRequest } from '../../test/support/fake-api-server.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import { KubeClient } from './client.ts';
import { NotFoundError } from './errors.ts';
import { ForwardError, openForward, type Forward } from './forward.ts';

const target = { namespace: 'n', pod: 'p', port: 5432 };
const POD = '/api/v1/namespaces/n/pods/p';

let server: FakeApiServer;
let kube: KubeClient;
let forward: Forward | undefined;

function podIs(uid: string): void {
  serveObjects(server, { [POD]: { metadata: { name: 'p', namespace: 'n', uid } } });
}

// Sends on a channel as the kubelet does: the first message of each repeats the port.
function begin(socket: WebSocket): void {
  for (const channel of [0, 1]) socket.send(Buffer.of(channel, 5432 & 0xff, 5432 >> 8));
}

beforeEach(async () => {
  server = await FakeApiServer.start();
  kube = KubeClient.fromString(server.kubeconfig);
  podIs('u1');
});
afterEach(async () => {
  await forward?.close();
  forward = undefined;
  await kube.close();
  await server[Symbol.asyncDispose]();
});

async function client(): Promise<Socket> {
  const { host, port } = forward ?? {};
  const socket = connect({ host: host ?? '', port: port ?? 0 });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** How a connection ended: by reset, or in an orderly way, with what was received. */
async function end(socket: Socket): Promise<{ reset: boolean; text: string }> {
  let text = '';
  let reset = false;
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.on('error', () => (reset = true));
  await once(socket, 'close').catch(() => once(socket, 'close'));
  return { reset, text };
}

test('carries bytes both ways, each connection on its own', async () => {
  const seen: SeenRequest[] = [];
  server.execHandler = (socket, request) => {
    seen.push(request);
    begin(socket);
    socket.on('message', (data: Buffer) => {
      socket.send(Buffer.concat([Buffer.of(0), Buffer.from(`echo ${data.subarray(1).toString()}`)]));
    });
  };
  forward = await openForward(kube, target);
  const [a, b] = [await client(), await client()];
  a.write('one');
  b.write('two');
  expect(String((await once(a, 'data'))[0])).toBe('echo one');
  expect(String((await once(b, 'data'))[0])).toBe('echo two');
  expect(seen.map(({ path, query }) => [path, query.get('ports')])).toEqual([
    [`${POD}/portforward`, '5432'],
    [`${POD}/portforward`, '5432'],
  ]);
  a.end();
  await end(a);
  expect(forward.failures).toEqual([]);
});

test('much data arrives whole, in order', async () => {
  const whole = Buffer.alloc(8 * 1024 * 1024, 'abcdefghij');
  server.execHandler = (socket) => {
    begin(socket);
    for (let at = 0; at < whole.length; at += 65536) {
      socket.send(Buffer.concat([Buffer.of(0), whole.subarray(at, at + 65536)]));
    }
    socket.close(1000);
  };
  forward = await openForward(kube, target);
  const { text, reset } = await end(await client());
  expect({ length: text.length, reset }).toEqual({ length: whole.length, reset: false });
  expect(text === whole.toString()).toBe(true);
});

describe('nothing hangs', () => {
  test.for<[why: string, handler: (socket: WebSocket) => void, said: string]>([
    ['the pod’s network is gone', (socket) => socket.terminate(), 'the connection to the pod ended (1006)'],
    [
      'nobody listens there',
      (socket) => {
        begin(socket);
        socket.send(Buffer.concat([Buffer.of(1), Buffer.from('error forwarding port 5432: connection refused')]));
      },
      'connection refused',
    ],
  ])('when %s, the connection is reset and the reason is kept', async ([, handler, said]) => {
    server.execHandler = handler;
    const onFailure = vi.fn<(error: Error) => void>();
    forward = await openForward(kube, target, { onFailure });
    await expect(end(await client())).resolves.toMatchObject({ reset: true });
    expect(forward.failures).toHaveLength(1);
    expect(String(forward.failures[0])).toContain(`forward to n/p:5432: `);
    expect(String(forward.failures[0])).toContain(said);
    expect(onFailure).toHaveBeenCalledWith(forward.failures[0]);
  });

  test('when the API server goes silent', async () => {
    const opened = Promise.withResolvers<void>();
    server.execHandler = (socket) => {
      begin(socket);
      // It reads nothing any more, pings included.
      socket.pause();
      opened.resolve();
    };
    forward = await openForward(kube, target, { silenceMs: 30 });
    const socket = await client();
    await opened.promise;
    await expect(end(socket)).resolves.toMatchObject({ reset: true });
    expect(String(forward.failures[0])).toContain('the API server has been silent for 30 ms');
  });

  test('when the pod is gone', async () => {
    forward = await openForward(kube, target);
    serveObjects(server, {});
    await expect(end(await client())).resolves.toMatchObject({ reset: true });
    expect(forward.failures[0]).toBeInstanceOf(NotFoundError);
  });

  test('when it is closed, or its signal fires', async () => {
    server.execHandler = begin;
    const abort = new AbortController();
    forward = await openForward(kube, target, { signal: abort.signal });
    const socket = await client();
    const ended = end(socket);
    abort.abort();
    await ended;
    await expect(client()).rejects.toThrow('ECONNREFUSED');
    expect(forward.failures).toEqual([]);
  });
});

test('a pod that took over the name gets no connections', async () => {
  server.execHandler = () => expect.unreachable('no tunnel may be opened');
  forward = await openForward(kube, target);
  podIs('u2');
  await expect(end(await client())).resolves.toMatchObject({ reset: true });
  expect(forward.failures[0]).toBeInstanceOf(ForwardError);
  expect(String(forward.failures[0])).toContain('the pod has UID u2 now, not u1');
  await expect(openForward(kube, { ...target, uid: 'u1' })).rejects.toThrow('has UID u2 now, not u1');
});

test('what does not exist is an error at once', async () => {
  await expect(openForward(kube, { ...target, pod: 'q' })).rejects.toBeInstanceOf(NotFoundError);
});
