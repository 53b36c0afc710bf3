import { ListWatch, makeInformer, KubeConfig, type V1ConfigMap } from '@kubernetes/client-node';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configMapList, FakeApiServer, reply, status, watchLine } from '../../test/support/fake-api-server.ts';
import { KubeClient } from './client.ts';
import { NotFoundError } from './errors.ts';
import { watch, type BlindInterval, type Watch, type WatchEvent } from './watch.ts';

const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'n' };

let server: FakeApiServer;
let kube: KubeClient;
let running: Watch<V1ConfigMap> | undefined;

/** What the server knows and does; a test changes it as it goes. */
let world: {
  version: string;
  items: Record<string, string>;
  lists: number;
  watches: { from: string; response: ServerResponse }[];
  onWatch: (response: ServerResponse, from: string, nth: number) => void;
};

beforeEach(async () => {
  server = await FakeApiServer.start();
  kube = KubeClient.fromString(server.kubeconfig);
  world = { version: '10', items: { a: '5' }, lists: 0, watches: [], onWatch: () => {} };
  server.handler = (request, response) => {
    if (request.query.get('watch') !== 'true') {
      world.lists++;
      reply(response, 200, configMapList(world.version, world.items));
      return;
    }
    const from = request.query.get('resourceVersion') ?? '';
    world.watches.push({ from, response });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    world.onWatch(response, from, world.watches.length);
  };
});
afterEach(async () => {
  await running?.close();
  running = undefined;
  await kube.close();
  await server[Symbol.asyncDispose]();
});

function start(options: Parameters<typeof watch>[2] = {}): AsyncIterator<WatchEvent<V1ConfigMap>> {
  running = watch<V1ConfigMap>(kube, ref, { maxPauseMs: 20, ...options });
  return running[Symbol.asyncIterator]();
}

async function next(events: AsyncIterator<WatchEvent<V1ConfigMap>>): Promise<string> {
  const { value, done } = await events.next();
  return done === true ? 'end' : describeEvent(value);
}

function describeEvent(event: WatchEvent<V1ConfigMap>): string {
  return `${event.source} ${event.type} ${event.object.metadata?.name ?? ''}@${event.object.metadata?.resourceVersion ?? ''}`;
}

// Patient, since the machine may be busy with other things.
function eventually<V>(probe: () => V) {
  return expect.poll(probe, { timeout: 10_000, interval: 5 });
}

function blind(): readonly BlindInterval[] {
  return running?.blindIntervals ?? [];
}

describe('in quiet times', () => {
  test('what is there comes first, then changes', async () => {
    world.onWatch = (response) => {
      response.write(
        watchLine('ADDED', 'b', '11') + watchLine('MODIFIED', 'a', '12') + watchLine('DELETED', 'b', '13'),
      );
    };
    const events = start();
    expect([await next(events), await next(events), await next(events), await next(events)]).toEqual([
      'list ADDED a@5',
      'watch ADDED b@11',
      'watch MODIFIED a@12',
      'watch DELETED b@13',
    ]);
    expect([...(running?.objects.keys() ?? [])]).toEqual(['n/a']);
    expect(blind()).toEqual([]);
    expect(world.watches.map(({ from }) => from)).toEqual(['10']);
  });

  test('timestamps are dates and events carry a monotonic time', async () => {
    world.onWatch = (response) => response.write(watchLine('MODIFIED', 'a', '11'));
    const before = performance.now();
    const events = start();
    await next(events);
    const { value } = await events.next();
    const event = value as WatchEvent<V1ConfigMap>;
    expect(event.object.metadata?.creationTimestamp).toBeInstanceOf(Date);
    expect(event.atMs).toBeGreaterThan(before);
    expect(event.atMs).toBeLessThanOrEqual(performance.now());
  });

  test('an event that arrives in pieces is one event', async () => {
    world.items = {};
    const line = Buffer.from(watchLine('ADDED', 'ünïcode', '11'));
    const middle = line.indexOf(Buffer.from('ü')) + 1;
    world.onWatch = (response) => {
      response.write(line.subarray(0, middle));
      setTimeout(() => response.write(line.subarray(middle)), 20);
    };
    expect(await next(start())).toBe('watch ADDED ünïcode@11');
  });

  test('aborting ends the iteration', async () => {
    const controller = new AbortController();
    const events = start({ signal: controller.signal });
    await next(events);
    controller.abort();
    expect(await next(events)).toBe('end');
  });

  test('leaving the loop closes the connection', async () => {
    const closed = new Promise((resolve) => {
      world.onWatch = (response) => response.on('close', resolve);
    });
    start({ idleMs: 600_000 });
    for await (const event of running as Watch<V1ConfigMap>) {
      expect(event.type).toBe('ADDED');
      await eventually(() => world.watches.length).toBe(1);
      break;
    }
    await closed;
  });
});

describe('when the connection is lost', () => {
  test('reset: it goes on where it was and reports the blind interval', async () => {
    world.onWatch = (response, _from, nth) => {
      if (nth === 1) response.write(watchLine('ADDED', 'b', '11'));
      else response.write(watchLine('ADDED', 'c', '12'));
    };
    const reported: BlindInterval[] = [];
    const events = start({ onBlind: (interval) => reported.push(interval) });
    await next(events);
    expect(await next(events)).toBe('watch ADDED b@11');
    server.cutConnections();
    expect(await next(events)).toBe('watch ADDED c@12');
    expect(world.watches.map(({ from }) => from)).toEqual(['10', '11']);
    expect(world.lists).toBe(1);
    expect(blind()).toHaveLength(1);
    expect(reported).toEqual(blind());
    expect(blind()[0]).toMatchObject({ reason: 'reset' });
    expect(running?.wasBlind(blind()[0]?.fromMs ?? 0, performance.now())).toBe(true);
    expect(running?.wasBlind(0, (blind()[0]?.fromMs ?? 0) - 1)).toBe(false);
  });

  test('without the wrapper a reset stops an informer (when this fails, look again at what upstream does)', async () => {
    const plain = new KubeConfig();
    plain.loadFromString(server.kubeconfig);
    const informer = makeInformer(plain, '/api/v1/namespaces/n/configmaps', async () => ({
      apiVersion: 'v1',
      kind: 'ConfigMapList',
      metadata: { resourceVersion: '10' },
      items: [],
    }));
    expect(informer).toBeInstanceOf(ListWatch);
    const stopped = new Promise((resolve) => {
      informer.on('error', resolve);
    });
    await informer.start();
    await eventually(() => world.watches.length).toBe(1);
    server.cutConnections();
    await expect(stopped).resolves.toBeInstanceOf(Error);
    await informer.stop();
  });

  test('an orderly end is followed at once', async () => {
    world.onWatch = (response, _from, nth) => {
      if (nth === 1) response.end(watchLine('ADDED', 'b', '11'));
      else response.write(watchLine('ADDED', 'c', '12'));
    };
    const events = start();
    await next(events);
    expect([await next(events), await next(events)]).toEqual(['watch ADDED b@11', 'watch ADDED c@12']);
    expect(blind()).toMatchObject([{ reason: 'closed', attempts: 1 }]);
  });

  test('a server that is down for a while: it keeps trying, and says since when it is blind', async () => {
    let failures = 0;
    const answer = server.handler;
    const events = start();
    await next(events);
    await eventually(() => world.watches.length).toBe(1);
    server.handler = (request, response) => {
      if (++failures < 4) reply(response, 503, status(503, 'ServiceUnavailable', 'starting'));
      else answer(request, response);
    };
    world.version = '20';
    world.items = { b: '15' };
    server.cutConnections();
    expect([await next(events), await next(events)]).toEqual(['relist ADDED b@15', 'relist DELETED a@5']);
    await eventually(() => blind().length).toBe(1);
    expect(blind()[0]?.attempts).toBeGreaterThan(1);
    expect(running?.blindSinceMs).toBeUndefined();
  });

  test('410 as a reply: it lists again and finds what changed meanwhile', async () => {
    const answer = server.handler;
    let expired = false;
    server.handler = (request, response) => {
      if (expired && request.query.get('resourceVersion') === '10') {
        reply(response, 410, status(410, 'Expired', 'too old resource version'));
      } else answer(request, response);
    };
    world.items = { a: '5', b: '6', c: '7' };
    const events = start();
    await next(events);
    await next(events);
    await next(events);
    await eventually(() => world.watches.length).toBe(1);
    expired = true;
    world.version = '30';
    world.items = { a: '5', b: '25', d: '26' };
    server.cutConnections();
    expect([await next(events), await next(events), await next(events)]).toEqual([
      'relist MODIFIED b@25',
      'relist ADDED d@26',
      'relist DELETED c@7',
    ]);
    await eventually(() => world.watches.at(-1)?.from).toBe('30');
  });

  test('410 as an event: the same', async () => {
    world.onWatch = (response, _from, nth) => {
      if (nth > 1) return;
      world.version = '30';
      world.items = { b: '25' };
      response.write(`${JSON.stringify({ type: 'ERROR', object: status(410, 'Expired', 'too old') })}\n`);
    };
    const events = start();
    await next(events);
    expect([await next(events), await next(events)]).toEqual(['relist ADDED b@25', 'relist DELETED a@5']);
    await eventually(() => blind().length).toBe(1);
    expect(blind()[0]).toMatchObject({ reason: 'expired' });
  });

  test('a restarted server that takes the watch and then says 410: no moment between the two counts as seen', async () => {
    world.onWatch = (response, _from, nth) => {
      if (nth !== 2) return;
      world.version = '30';
      setTimeout(
        () => response.write(`${JSON.stringify({ type: 'ERROR', object: status(410, 'Expired', 'old') })}\n`),
        20,
      );
    };
    const events = start();
    await next(events);
    await eventually(() => world.watches.length).toBe(1);
    server.cutConnections();
    await eventually(() => blind().length).toBe(2);
    expect(blind().map(({ reason }) => reason)).toEqual(['reset', 'expired']);
    expect(blind()[1]?.fromMs).toBe(blind()[0]?.toMs);
  });

  test('an object that was replaced under its name while blind is a deletion and an addition', async () => {
    world.onWatch = (response, _from, nth) => {
      if (nth > 1) return;
      response.write(`${JSON.stringify({ type: 'ERROR', object: status(410, 'Expired', 'too old') })}\n`);
    };
    const events = start();
    await next(events);
    const answer = server.handler;
    server.handler = (request, response) => {
      if (request.query.get('watch') === 'true') return answer(request, response);
      const list = configMapList('30', { a: '29' }) as { items: { metadata: { uid: string } }[] };
      for (const item of list.items) item.metadata.uid = 'another';
      return reply(response, 200, list);
    };
    expect([await next(events), await next(events)]).toEqual(['relist DELETED a@5', 'relist ADDED a@29']);
  });
});

describe('when the connection is silent', () => {
  test('a list shows that nothing was missed: it is kept', async () => {
    const events = start({ idleMs: 20 });
    await next(events);
    await eventually(() => world.watches.length).toBe(1);
    const before = performance.now();
    const { lists } = world;
    await eventually(() => world.lists).toBeGreaterThan(lists + 3);
    expect(running?.seenUntilMs).toBeGreaterThan(before);
    expect(world.watches).toHaveLength(1);
    expect(blind()).toEqual([]);
    expect(server.requests.at(-1)?.headers.accept).toContain('PartialObjectMetadataList');
  });

  test.for<[string, Record<string, string>, string]>([
    ['an addition', { a: '5', b: '11' }, watchLine('ADDED', 'b', '11')],
    ['a change', { a: '11' }, watchLine('MODIFIED', 'a', '11')],
    ['a deletion', {}, watchLine('DELETED', 'a', '11')],
  ])('it kept back %s: it is replaced, and the silence was a blind interval', async ([, items, line]) => {
    world.onWatch = (response, _from, nth) => {
      if (nth === 1) world.items = items;
      else response.write(line);
    };
    const events = start({ idleMs: 20 });
    await next(events);
    const { value } = await events.next();
    expect(value).toMatchObject({ source: 'watch', object: { metadata: { resourceVersion: '11' } } });
    expect(blind()).toMatchObject([
      { reason: 'idle', detail: expect.stringContaining('although something changed') as string },
    ]);
    expect(world.watches.map(({ from }) => from)).toEqual(['10', '10']);
  });

  test('an event that comes while the list is under way is in time', async () => {
    const events = start({ idleMs: 20 });
    await next(events);
    await eventually(() => world.watches.length).toBe(1);
    const answer = server.handler;
    server.handler = (request, response) => {
      if (world.items['b'] === undefined) {
        world.items = { a: '5', b: '11' };
        setTimeout(() => world.watches[0]?.response.write(watchLine('ADDED', 'b', '11')), 50);
      }
      answer(request, response);
    };
    expect(await next(events)).toBe('watch ADDED b@11');
    // Longer than the time that the connection is given to bring it.
    const cameAtMs = performance.now();
    await eventually(() => performance.now() - cameAtMs).toBeGreaterThan(800);
    expect(world.watches).toHaveLength(1);
    expect(blind()).toEqual([]);
  });

  test('bookmarks keep it alive and move the version on', async () => {
    world.onWatch = (response, _from, nth) => {
      if (nth !== 1) return;
      response.write(watchLine('BOOKMARK', '', '40'));
      setTimeout(() => response.destroy(), 5);
    };
    start();
    await eventually(() => world.watches.length).toBe(2);
    expect(world.watches[1]?.from).toBe('40');
  });

  test('a frozen server is a blind interval that starts when it was last known to be alive', async () => {
    const answer = server.handler;
    const events = start({ idleMs: 30, connectTimeoutMs: 500 });
    await next(events);
    await eventually(() => world.watches.length).toBeGreaterThan(0);
    // An answer may still have been under way; what is asked now gets none.
    let askedInVainAtMs: number | undefined;
    server.handler = () => {
      askedInVainAtMs ??= performance.now();
    };
    await eventually(() => running?.blindSinceMs).toBeDefined();
    expect(running?.blindSinceMs).toBeLessThanOrEqual(askedInVainAtMs ?? 0);
    server.handler = answer;
    await eventually(() => blind().length).toBe(1);
    expect(blind()[0]).toMatchObject({
      reason: 'idle',
      detail: expect.stringContaining('no complete answer') as string,
    });
  });

  test('it says until when it surely saw everything', async () => {
    const events = start();
    const before = performance.now();
    world.onWatch = (response) => response.write(watchLine('ADDED', 'b', '11'));
    await next(events);
    await next(events);
    expect(running?.seenUntilMs).toBeGreaterThan(before);
    expect(running?.seenUntilMs).toBeLessThanOrEqual(performance.now());
  });
});

describe('when it is refused', () => {
  test('at the start: the reason is thrown', async () => {
    server.handler = (_request, response) => {
      reply(response, 404, status(404, 'NotFound', 'no such kind'));
    };
    const events = start();
    await expect(running?.ready).rejects.toBeInstanceOf(NotFoundError);
    await expect(events.next()).rejects.toBeInstanceOf(NotFoundError);
  });

  test('later: it goes on trying', async () => {
    const answer = server.handler;
    const events = start();
    await next(events);
    await eventually(() => world.watches.length).toBe(1);
    let refusals = 0;
    server.handler = (request, response) => {
      if (refusals++ < 3) reply(response, 403, status(403, 'Forbidden', 'RBAC is not there yet'));
      else answer(request, response);
    };
    world.items = { a: '5', z: '50' };
    server.cutConnections();
    expect(await next(events)).toBe('relist ADDED z@50');
  });

  test('a server that ends every watch at once is not flooded', async () => {
    const atMs: number[] = [];
    world.onWatch = (response) => {
      atMs.push(performance.now());
      response.end();
    };
    start({ maxPauseMs: 500 });
    await eventually(() => atMs.length).toBeGreaterThanOrEqual(6);
    expect((atMs[5] ?? 0) - (atMs[0] ?? 0)).toBeGreaterThan(300);
  });
});
