import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import type { FakeApiServer } from '../../test/support/fake-api-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { ExecConnectionLostError } from '../kube/exec-errors.ts';
import { psqlCommand, PsqlError, psqlProblem, psqlRows } from './psql.ts';

const pod = { namespace: 'team', name: 'db-1' };
let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function answer(channels: [number, string][]): void {
  server.execHandler = (socket) => {
    for (const [channel, text] of channels) socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(text)]));
  };
}

const success = '{"status":"Success"}';
const failure = '{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"1"}]}}';

test('rows come as JSON, the query in one argument', async () => {
  answer([
    [1, '[{"a":1},'],
    [1, '{"a":2}]\n'],
    [3, success],
  ]);
  await expect(psqlRows(kube, pod, "SELECT 'x; y' AS a")).resolves.toEqual([{ a: 1 }, { a: 2 }]);
  const command = server.requests[0]?.query.getAll('command') ?? [];
  expect(command.at(-1)).toBe(`SELECT coalesce(json_agg(q), '[]'::json) FROM (SELECT 'x; y' AS a) AS q`);
  expect(server.requests[0]?.query.get('container')).toBe('postgres');
});

test('what psql says becomes the error', async () => {
  answer([
    [2, 'ERROR:  relation "nope" does not exist\nLINE 1: …\n'],
    [3, failure],
  ]);
  await expect(psqlRows(kube, pod, 'SELECT * FROM nope')).rejects.toBeInstanceOf(PsqlError);
  await expect(psqlRows(kube, pod, 'SELECT * FROM nope')).rejects.toThrow(
    'psql in pod team/db-1: ERROR: relation "nope" does not exist LINE 1: …',
  );
});

test('a command is passed on as it is, and the SQLSTATE is told when it is asked for', async () => {
  answer([
    [2, 'ERROR:  XX002: item order invariant violated\nLOCATION:  bt_target_page_check\n'],
    [3, failure],
  ]);
  const asked = psqlCommand(kube, pod, 'CREATE EXTENSION amcheck', { database: 'app', sqlStates: true });
  await expect(asked).rejects.toThrow('psql in pod team/db-1: XX002: item order invariant violated LOCATION');
  const command = server.requests[0]?.query.getAll('command') ?? [];
  expect(command.slice(-3)).toEqual(['app', '-c', 'CREATE EXTENSION amcheck']);
  expect(command).toContain('VERBOSITY=verbose');
});

test('a lost connection stays a lost connection', async () => {
  server.execHandler = (socket) => {
    socket.close(1011);
  };
  await expect(psqlRows(kube, pod, 'SELECT 1')).rejects.toBeInstanceOf(ExecConnectionLostError);
});

test('a server that is not there is told without the socket', async () => {
  answer([
    [
      2,
      'psql: error: connection to server on socket "/controller/run/.s.PGSQL.5432" failed: FATAL:  the database system is starting up\n',
    ],
    [3, failure.replace('"1"', '"2"')],
  ]);
  await expect(psqlRows(kube, pod, 'SELECT 1')).rejects.toThrow(
    'psql in pod team/db-1: FATAL: the database system is starting up',
  );
});

test('why an instance did not answer fits into a sentence', async () => {
  const message = 'Internal error occurred: Internal error occurred: container not found ("postgres")';
  answer([[3, JSON.stringify({ status: 'Failure', reason: 'InternalError', message })]]);
  const error: unknown = await psqlRows(kube, pod, 'SELECT 1').catch((caught: unknown) => caught);
  expect(psqlProblem(error)).toBe('container not found ("postgres")');
  expect(psqlProblem(new Error('other'))).toBe('other');
});
