import { beforeEach, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import { ExecConnectionLostError, ExecFailedError } from '../kube/exec-errors.ts';
import type { KubeClient } from '../kube/client.ts';
import { killPostmaster, PodReplacedError, signalPostmaster } from './postmaster.ts';

let server: FakeApiServer;
let kube: KubeClient;
let commands: string[][] = [];
eachWithServer((fresh) => ({ server, kube } = fresh));
beforeEach(() => {
  commands = [];
  serveObjects(server, {
    '/api/v1/namespaces/team/pods/db-1': { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'db-1', uid: 'u' } },
  });
});

const pod = { namespace: 'team', name: 'db-1', uid: 'u' };
const SUCCESS = '{"status":"Success"}';
const failure = (code: number) =>
  JSON.stringify({
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  });

function onExec(answer: (socket: WebSocket) => void) {
  server.execHandler = (socket, request) => {
    commands.push(request.query.getAll('command'));
    answer(socket);
  };
}
const send = (socket: WebSocket, channel: number, text: string) => {
  socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)]));
};

test('the pid file’s process is signalled in the container, once', async () => {
  onExec((socket) => {
    send(socket, 1, '24\n');
    send(socket, 3, SUCCESS);
  });
  await expect(signalPostmaster(kube, pod, { signalName: 'STOP' })).resolves.toEqual({ pid: 24, confirmed: true });
  expect(commands).toHaveLength(1);
  expect(commands[0]?.slice(-2)).toEqual(['/var/lib/postgresql/data/pgdata', 'STOP']);
});

test('a pod of the same name with another UID is left alone', async () => {
  onExec(() => {});
  await expect(killPostmaster(kube, { ...pod, uid: 'before' })).rejects.toBeInstanceOf(PodReplacedError);
  expect(commands).toEqual([]);
});

test('without a postmaster it is an error', async () => {
  onExec((socket) => {
    send(socket, 3, failure(3));
  });
  await expect(killPostmaster(kube, pod)).rejects.toBeInstanceOf(ExecFailedError);
});

test('a container that dies of it takes the connection along: sent, not confirmed, not repeated', async () => {
  onExec((socket) => {
    send(socket, 1, '24\n');
    setTimeout(() => {
      socket.terminate();
    }, 20);
  });
  await expect(killPostmaster(kube, pod)).resolves.toEqual({ pid: 24, confirmed: false });
  expect(commands).toHaveLength(1);
});

test('a connection that is lost before anything was seen leaves it open', async () => {
  onExec((socket) => {
    socket.terminate();
  });
  await expect(killPostmaster(kube, pod)).rejects.toBeInstanceOf(ExecConnectionLostError);
  expect(commands).toHaveLength(1);
});
