import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { beginPostMortem } from './post-mortem.ts';

const PODS = '/api/v1/namespaces/n/pods';
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'db-1', namespace: 'n', uid: '0123456789', labels: { 'cnpg.io/podRole': 'instance' } },
  status: { containerStatuses: [{ name: 'postgres', restartCount: 0, state: { running: {} } }] },
};

let folder: string;
let server: Server;
let kube: KubeClient;
let answer: (path: string, url: URL, response: ServerResponse) => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'post-mortem-'));
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://server');
    answer(url.pathname, url, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  kube = KubeClient.fromString(
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
});
afterEach(async () => {
  await kube.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

const json = (response: ServerResponse, code: number, body: unknown): void => {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

test('the log of a pod that is gone is among the files; what cannot be read is told', async () => {
  let watcher: ServerResponse | undefined;
  const written = new Date().toISOString();
  answer = (path, url, response) => {
    if (path === PODS && url.searchParams.has('watch')) {
      watcher = response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
    } else if (path === PODS) json(response, 200, { metadata: { resourceVersion: '1' }, items: [pod] });
    else if (path === `${PODS}/db-1`) json(response, 200, pod);
    else if (path === `${PODS}/db-1/log`) response.end(`${written} its last words\n`);
    else json(response, 500, { kind: 'Status', message: 'broken', reason: 'InternalError' });
  };
  const postMortem = beginPostMortem(kube, { namespace: 'n', name: 'db' });
  try {
    await vi.waitFor(() => expect(watcher).toBeDefined(), { timeout: 10_000 });
    const log = join('logs', 'db-1-01234567.log');
    const files = await vi.waitFor(
      async () => {
        const written = await postMortem.write(folder);
        expect(written).toContain(log);
        return written;
      },
      { timeout: 10_000 },
    );
    expect(files).toEqual(['dump.json', 'dump.txt', log, 'problems.txt']);
    expect(readFileSync(join(folder, log), 'utf8')).toBe(`${written} its last words\n`);
    expect(readFileSync(join(folder, 'dump.txt'), 'utf8')).toContain('db-1');
    expect(readFileSync(join(folder, 'problems.txt'), 'utf8')).toContain('log of the operator: ');
  } finally {
    await postMortem.stop();
  }
});

test('a server that is gone hinders nothing', async () => {
  answer = (_path, _url, response) => response.destroy();
  const postMortem = beginPostMortem(kube, { namespace: 'n', name: 'db' });
  await expect(postMortem.write(folder)).resolves.toContain('problems.txt');
  await postMortem.stop();
});
