import { createServer, type AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { Exec, KubeConfig } from '@kubernetes/client-node';
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';
import { WebSocket } from 'ws';
import { describe, expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer, SeenRequest } from '../../test/support/fake-api-server.ts';
import { KubeClient } from './client.ts';
import { NotFoundError, UnreachableError } from './errors.ts';
import { exec, execOk } from './exec.ts';
import {
  ExecConnectionLostError,
  ExecFailedError,
  ExecOutputLimitError,
  ExecStartError,
  ExecTimeoutError,
} from './exec-errors.ts';

const target = { namespace: 'n', pod: 'p', container: 'c' };

let server: FakeApiServer;
let kube: KubeClient;

eachWithServer((fresh) => ({ server, kube } = fresh));

function send(socket: WebSocket, channel: number, text: string): void {
  socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)]));
}

function succeed(socket: WebSocket): void {
  send(socket, 3, JSON.stringify({ status: 'Success' }));
}

function failWith(socket: WebSocket, exitCode: number): void {
  const details = { causes: [{ reason: 'ExitCode', message: String(exitCode) }] };
  send(socket, 3, JSON.stringify({ status: 'Failure', reason: 'NonZeroExitCode', details }));
}

describe('a command that ends', () => {
  test('gives output and exit code 0', async () => {
    server.execHandler = (socket) => {
      send(socket, 1, 'hello ');
      send(socket, 2, 'warning');
      send(socket, 1, 'world');
      succeed(socket);
    };
    await expect(exec(kube, target, ['echo'])).resolves.toEqual({
      exitCode: 0,
      stdout: 'hello world',
      stderr: 'warning',
    });
  });

  test('a character that is split between two messages stays whole', async () => {
    const bytes = Buffer.from('ü');
    server.execHandler = (socket) => {
      socket.send(Buffer.concat([Buffer.of(1), bytes.subarray(0, 1)]));
      socket.send(Buffer.concat([Buffer.of(1), bytes.subarray(1)]));
      succeed(socket);
    };
    await expect(exec(kube, target, ['echo'])).resolves.toMatchObject({ stdout: 'ü' });
  });

  test('gives its exit code, which execOk turns into an error with the output', async () => {
    server.execHandler = (socket) => {
      send(socket, 2, 'no such table');
      failWith(socket, 3);
    };
    await expect(exec(kube, target, ['psql'])).resolves.toMatchObject({ exitCode: 3 });
    const error = await execOk(kube, target, ['psql', '-c', 'x']).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ExecFailedError);
    expect(error).toMatchObject({ exitCode: 3, stderr: 'no such table' });
    expect(String(error)).toBe('ExecFailedError: exec n/p/c [psql -c x]: exit code 3; stderr: no such table');
  });

  test('the request names container and command, part by part, and carries the credentials', async () => {
    const seen = Promise.withResolvers<SeenRequest>();
    server.execHandler = (socket, request) => {
      seen.resolve(request);
      succeed(socket);
    };
    await exec(kube, target, ['sh', '-c', 'a && b']);
    const { path, query, headers } = await seen.promise;
    expect(path).toBe('/api/v1/namespaces/n/pods/p/exec');
    expect(query.getAll('command')).toEqual(['sh', '-c', 'a && b']);
    expect(query.get('container')).toBe('c');
    expect(query.has('stdin')).toBe(false);
    expect(headers.authorization).toBe('Bearer secret-token');
  });

  test('standard input is sent and closed', async () => {
    server.execHandler = (socket) => {
      const received: Buffer[] = [];
      socket.on('message', (data: Buffer) => {
        if (data[0] === 0) received.push(data.subarray(1));
        if (data[0] === 255) {
          send(socket, 1, String(Buffer.concat(received).length));
          succeed(socket);
        }
      });
    };
    await expect(exec(kube, target, ['wc', '-c'], { stdin: 'x'.repeat(100_000) })).resolves.toMatchObject({
      stdout: '100000',
    });
  });

  test('a server that cannot close the input is refused rather than waited for', async () => {
    server.execProtocols = ['v4.channel.k8s.io'];
    server.execHandler = () => {};
    await expect(exec(kube, target, ['cat'], { stdin: 'x' })).rejects.toBeInstanceOf(ExecStartError);
  });
});

describe('a command that does not end well', () => {
  test('the socket drops: connection lost, with the output so far', async () => {
    server.execHandler = (socket) => {
      send(socket, 1, 'half of the out');
      setImmediate(() => {
        server.cutConnections();
      });
    };
    const error = await exec(kube, target, ['pg_dump']).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ExecConnectionLostError);
  });

  test('the server closes before the exit code: connection lost', async () => {
    server.execHandler = (socket) => {
      send(socket, 1, 'half');
      socket.close(1001);
    };
    await expect(exec(kube, target, ['x'])).rejects.toMatchObject({
      name: 'ExecConnectionLostError',
      stdout: 'half',
      message: expect.stringContaining('1001') as string,
    });
  });

  test('without the wrapper a dropped socket tells nobody (when this fails, the wrapper may have become needless)', async () => {
    server.execHandler = () => {
      setImmediate(() => {
        server.cutConnections();
      });
    };
    const plain = new KubeConfig();
    plain.loadFromString(server.kubeconfig);
    let socket: WebSocket | undefined;
    const handler = new WebSocketHandler(plain, (uri, protocols, options) => {
      socket = new WebSocket(uri, protocols, options);
      return socket;
    });
    let told = false;
    const tell = () => {
      told = true;
    };
    const sink = new Writable({ write: (_chunk, _encoding, done) => done(), final: tell });
    await new Exec(plain, handler).exec('n', 'p', 'c', ['x'], sink, sink, null, false, tell);
    const closed = Promise.withResolvers<void>();
    socket?.on('close', () => {
      closed.resolve();
    });
    await closed.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toBe(false);
  });

  test('it hangs: timeout, with the output so far', async () => {
    server.execHandler = (socket) => {
      send(socket, 2, 'working…');
    };
    await expect(exec(kube, target, ['sleep', '999'], { timeoutMs: 1_000 })).rejects.toMatchObject({
      name: 'ExecTimeoutError',
      stderr: 'working…',
    });
  });

  test('a server that takes the connection and says nothing: timeout', async () => {
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as AddressInfo;
    const frozen = KubeClient.fromString(server.kubeconfig.replaceAll(server.url, `https://127.0.0.1:${port}`));
    await expect(exec(frozen, target, ['x'], { timeoutMs: 50 })).rejects.toBeInstanceOf(ExecTimeoutError);
    await frozen.close();
    mute.close();
  });

  test('it is aborted: the reason of the signal', async () => {
    const controller = new AbortController();
    const reason = new Error('test is over');
    server.execHandler = () => {
      controller.abort(reason);
    };
    await expect(exec(kube, target, ['x'], { signal: controller.signal })).rejects.toBe(reason);
    await expect(exec(kube, target, ['x'], { signal: controller.signal })).rejects.toBe(reason);
  });

  test('it cannot be started: the runtime says why', async () => {
    server.execHandler = (socket) => {
      const message = 'exec: "nope": executable file not found in $PATH';
      send(socket, 3, JSON.stringify({ status: 'Failure', reason: 'InternalError', message }));
    };
    await expect(exec(kube, target, ['nope'])).rejects.toThrow(ExecStartError);
    await expect(exec(kube, target, ['nope'])).rejects.toThrow('executable file not found');
  });

  test('it floods: the limit', async () => {
    server.execHandler = (socket) => {
      send(socket, 1, 'x'.repeat(2000));
    };
    await expect(exec(kube, target, ['yes'], { maxOutputBytes: 1000 })).rejects.toBeInstanceOf(ExecOutputLimitError);
  });

  test('the API server refuses: its own error class and text', async () => {
    const error = await exec(kube, target, ['x']).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(String(error)).toContain('pods "nobody" not found');
  });

  test('there is no server', async () => {
    await server[Symbol.asyncDispose]();
    await expect(exec(kube, target, ['x'])).rejects.toBeInstanceOf(UnreachableError);
  });
});
