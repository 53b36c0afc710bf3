import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import type { KubeClient } from './client.ts';
import { NotFoundError, UnreachableError } from './errors.ts';
import { followLogs, podLogs } from './logs.ts';

const target = { namespace: 'n', pod: 'p', container: 'c' };
let server: FakeApiServer;
let kube: KubeClient;

eachWithServer((fresh) => ({ server, kube } = fresh));

test('a log comes as text, with the wanted part named', async () => {
  server.handler = (_request, response) => response.end('one\ntwo\n');
  await expect(podLogs(kube, target, { tailLines: 2, previous: true })).resolves.toBe('one\ntwo\n');
  expect(server.requests[0]?.query.toString()).toBe('container=c&tailLines=2&previous=true');
});

test('aborting a followed log just ends it: no uncaught error', async () => {
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => uncaught.push(error);
  process.on('uncaughtException', onUncaught);
  try {
    server.handler = (_request, response) => {
      response.writeHead(200);
      response.write('one\n');
    };
    const controller = new AbortController();
    const lines: string[] = [];
    for await (const line of followLogs(kube, target, { signal: controller.signal })) {
      lines.push(line);
      controller.abort();
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines).toEqual(['one']);
    expect(uncaught).toEqual([]);
  } finally {
    process.off('uncaughtException', onUncaught);
  }
});

test('without the wrapper an abort ends the process (when this fails, the wrapper may have become needless)', async () => {
  server.handler = (_request, response) => {
    response.writeHead(200);
    response.write('one\n');
  };
  const uncaught = Promise.withResolvers<unknown>();
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', uncaught.resolve);
  try {
    const { KubeConfig, Log } = await import('@kubernetes/client-node');
    const plain = new KubeConfig();
    plain.loadFromString(server.kubeconfig);
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
    sink.on('error', () => {});
    const controller = await new Log(plain).log('n', 'p', 'c', sink, { follow: true });
    controller.abort();
    await expect(uncaught.promise).resolves.toMatchObject({ name: 'AbortError' });
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  }
});

test('a followed log that is cut off is an error, not an end', async () => {
  server.handler = (_request, response) => {
    response.writeHead(200);
    response.write('one\ntw');
  };
  const lines: string[] = [];
  await expect(async () => {
    for await (const line of followLogs(kube, target)) {
      lines.push(line);
      server.cutConnections();
    }
  }).rejects.toBeInstanceOf(UnreachableError);
  expect(lines).toEqual(['one']);
});

test('no such pod', async () => {
  await expect(podLogs(kube, target)).rejects.toBeInstanceOf(NotFoundError);
});
