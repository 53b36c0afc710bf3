import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply, status } from '../../test/support/fake-api-server.ts';
import type { KubeClient } from './client.ts';
import { tailLogs } from './tail.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

const at = (second: number) => `2026-01-01T00:00:0${second}.000000000Z`;

function pod(uid: string, version: string, restartCount: number, state: object) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'db-1', namespace: 'team', uid, resourceVersion: version },
    status: { containerStatuses: [{ name: 'postgres', restartCount, state }] },
  };
}

const running = { running: {} };

/** Serves one pod whose log streams and watch the test writes by hand. */
class Stage {
  readonly streams: { response: ServerResponse; since: string | null }[] = [];
  former = '';
  #watch: ServerResponse | undefined;
  #pods: object[];
  /** What a GET of the pod finds, when that is another one than the watch has told of. */
  now: object | undefined;

  constructor(...pods: object[]) {
    this.#pods = pods;
    server.handler = (request, response) => {
      if (request.path.endsWith('/log')) {
        if (request.query.get('previous') === 'true') {
          response.end(this.former);
          return;
        }
        response.writeHead(200);
        response.flushHeaders();
        this.streams.push({ response, since: request.query.get('sinceTime') });
      } else if (request.query.get('watch') === 'true' || request.query.get('watch') === '1') {
        response.writeHead(200);
        response.flushHeaders();
        this.#watch = response;
      } else if (request.path.endsWith('/pods/db-1')) {
        const present = this.now ?? this.#pods[0];
        reply(response, present === undefined ? 404 : 200, present ?? {});
      } else reply(response, 200, { kind: 'PodList', metadata: { resourceVersion: '5' }, items: this.#pods });
    };
  }

  async event(type: string, object: object): Promise<void> {
    await eventually(() => {
      if (this.#watch === undefined) throw new Error('nobody watches yet');
    });
    this.#pods = type === 'DELETED' ? [] : [object];
    this.#watch?.write(`${JSON.stringify({ type, object })}\n`);
  }

  async stream(index: number) {
    await eventually(() => {
      if (this.streams.length <= index) throw new Error('nobody follows yet');
    });
    const stream = this.streams[index];
    if (stream === undefined) throw new Error('no stream');
    return stream;
  }
}

const follow = () => tailLogs(kube, { namespace: 'team', labelSelector: 'cnpg.io/cluster=db' });
const sees = async (tail: { lines: readonly { text: string }[] }, ...texts: string[]) => {
  await eventually(() => {
    expect(tail.lines.map(({ text }) => text)).toEqual(texts);
  });
};

test('what a pod wrote stays when it is deleted, and its successor of the same name is another pod', async () => {
  const stage = new Stage(pod('old', '1', 0, running));
  await using tail = follow();
  const first = await stage.stream(0);
  first.response.write(`${at(1)} one\n${at(1)} two\n`);
  await sees(tail, 'one', 'two');
  await stage.event('DELETED', pod('old', '6', 0, running));
  first.response.end(`${at(2)} last words\n`);
  await sees(tail, 'one', 'two', 'last words');
  await stage.event('ADDED', pod('new', '7', 0, running));
  const second = await stage.stream(1);
  second.response.write(`${at(3)} hello\n`);
  await eventually(() => {
    expect(tail.lines.at(-1)).toEqual({
      pod: 'db-1',
      uid: 'new',
      container: 'postgres',
      writtenAt: at(3),
      text: 'hello',
    });
  });
  expect(tail.lines.map(({ uid }) => uid)).toEqual(['old', 'old', 'old', 'new']);
  expect(stage.streams).toHaveLength(2);
});

test('a name that another pod has by now is not read, even before the watch tells', async () => {
  const stage = new Stage(pod('old', '1', 0, running));
  await using tail = follow();
  const first = await stage.stream(0);
  first.response.write(`${at(1)} one\n`);
  await sees(tail, 'one');
  stage.now = pod('new', '7', 0, running);
  const asked = server.requests.length;
  first.response.destroy();
  await eventually(() => {
    expect(server.requests.slice(asked).map(({ path }) => path)).toContain('/api/v1/namespaces/team/pods/db-1');
  });
  await tail.close();
  expect(stage.streams).toHaveLength(1);
});

test('after a lost connection it goes on where it was, without doubles', async () => {
  const stage = new Stage(pod('u', '1', 0, running));
  await using tail = follow();
  const first = await stage.stream(0);
  first.response.write(`${at(1)} a\n${at(2)} b\n${at(2)} b\n`);
  await sees(tail, 'a', 'b', 'b');
  first.response.destroy();
  const second = await stage.stream(1);
  expect(second.since).toBe(at(2));
  // The server gives the whole second again, and a third line of it.
  second.response.write(`${at(2)} b\n${at(2)} b\n${at(2)} b\n${at(3)} c\n`);
  await sees(tail, 'a', 'b', 'b', 'b', 'c');
  // An orderly end while the container runs on is no end either.
  second.response.end();
  const third = await stage.stream(2);
  third.response.write(`${at(4)} d\n`);
  await sees(tail, 'a', 'b', 'b', 'b', 'c', 'd');
});

test('a restarted container: the end of its former life is fetched first', async () => {
  const stage = new Stage(pod('u', '1', 0, running));
  await using tail = follow();
  const first = await stage.stream(0);
  first.response.write(`${at(1)} up\n`);
  await sees(tail, 'up');
  stage.former = `${at(1)} up\n${at(2)} PANIC\n`;
  await stage.event('MODIFIED', pod('u', '6', 1, running));
  first.response.destroy();
  const second = await stage.stream(1);
  second.response.write(`${at(3)} up again\n`);
  await sees(tail, 'up', 'PANIC', 'up again');
  expect(tail.problems).toEqual([]);
});

test('a container that waits is followed once it has started; lines beyond the limit are counted', async () => {
  const stage = new Stage(pod('u', '1', 0, { waiting: { reason: 'PodInitializing' } }));
  const seen: string[] = [];
  await using tail = tailLogs(kube, {
    namespace: 'team',
    labelSelector: 'x=y',
    keepLines: 0,
    onLine: ({ text }) => seen.push(text),
  });
  await tail.ready;
  expect(stage.streams).toHaveLength(0);
  await stage.event('MODIFIED', pod('u', '6', 0, running));
  (await stage.stream(0)).response.write(`${at(1)} a\n${at(2)} b\n`);
  await eventually(() => {
    expect(seen).toEqual(['a', 'b']);
  });
  expect(tail.lines).toEqual([]);
  expect(tail.dropped).toBe(2);
});

test('a refused list is a problem, not silence', async () => {
  server.handler = (_request, response) => {
    reply(response, 403, status(403, 'Forbidden', 'pods is forbidden'));
  };
  await using tail = follow();
  await expect(tail.ready).rejects.toThrow('forbidden');
  await eventually(() => {
    expect(tail.problems).toEqual([expect.stringContaining('pods is forbidden')]);
  });
});
