import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeTestCertificate } from '../../test/support/test-certificates.ts';
import { FakeApiServer } from '../../test/support/fake-api-server.ts';
import { KubeClient } from '../kube/client.ts';
import { askInstance, instanceStatus, InstanceStatusError, parseInstanceStatus, poolerMetrics } from './proxy.ts';

let server: Server;
let answer: { status: number; body: string } | undefined;
let port: number;
let ca: string;
const ip = '127.0.0.1';

beforeEach(async () => {
  const certificate = makeTestCertificate(['db-rw']);
  ca = certificate.cert;
  server = createServer(certificate, (_request, response) => {
    if (answer !== undefined) response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, ip, resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

// As 1.30 answers, shortened.
const primary = {
  isPrimary: true,
  systemID: '7711718114931105811',
  pod: { metadata: { name: 'db-1' }, spec: {}, status: {} },
  currentLsn: '0/7000110',
  timeLineID: 1,
  replicationInfo: [{ applicationName: 'db-2', state: 'streaming', flushLsn: '0/7000110', syncState: 'quorum' }],
  sessionID: 'eae0e8df',
  isPodReady: false,
  node: '',
  somethingOf131: { new: true },
};

test('is asked at the pod’s address, over TLS', async () => {
  answer = { status: 200, body: JSON.stringify(primary) };
  const { isPodReady: _, node: __, ...told } = primary;
  await expect(instanceStatus({ ip, port })).resolves.toEqual(told);
  await expect(instanceStatus({ ip, port, tls: { ca, serverName: 'db-rw' } })).resolves.toEqual(told);
});

test('with a certificate authority the server must be the right one', async () => {
  answer = { status: 200, body: JSON.stringify(primary) };
  await expect(instanceStatus({ ip, port, tls: { ca, serverName: 'other-rw' } })).rejects.toThrow(
    /altname|certificate/,
  );
  const { cert: foreign } = makeTestCertificate(['db-rw']);
  const tls = { ca: foreign, serverName: 'db-rw' };
  await expect(instanceStatus({ ip, port, tls })).rejects.toBeInstanceOf(InstanceStatusError);
});

test('an answer that says no is an error with its text; a failing probe is an answer', async () => {
  answer = { status: 500, body: 'postgres is not running' };
  await expect(instanceStatus({ ip, port })).rejects.toMatchObject({
    status: 500,
    message: expect.stringContaining('postgres is not running'),
  });
  await expect(askInstance({ ip, port }, '/healthz')).resolves.toEqual({
    status: 500,
    text: 'postgres is not running',
  });
});

test('no answer is an error within its time, an abort its reason', async () => {
  answer = undefined;
  await expect(instanceStatus({ ip, port }, { timeoutMs: 50 })).rejects.toThrow('no answer within 50 ms');
  const reason = new Error('enough');
  await expect(instanceStatus({ ip, port }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test.for<[why: string, text: string]>([
  ['no JSON', 'upstream connect error'],
  ['no object', '[]'],
  ['not said whether it is primary', '{"systemID":"1"}'],
  ['of another type', '{"isPrimary":"yes"}'],
])('%s is no status', ([, text]) => {
  expect(() => parseInstanceStatus(text, 'db-1')).toThrow(InstanceStatusError);
});

test('a standby of 1.28 that has just started is a status, too', () => {
  expect(parseInstanceStatus('{"isPrimary":false,"replicationInfo":null,"pod":null}', 'db-2')).toEqual({
    isPrimary: false,
    replicationInfo: null,
    pod: null,
  });
});

test('the metrics of a pooler’s pod come from its own port, through the API server', async () => {
  await using api = await FakeApiServer.start();
  await using kube = KubeClient.fromString(api.kubeconfig);
  api.handler = (_request, response) => response.writeHead(200).end('cnpg_pgbouncer_up 1\n');
  const pod = { namespace: 'team', name: 'pooler-abc' };
  await expect(poolerMetrics(kube, pod)).resolves.toBe('cnpg_pgbouncer_up 1\n');
  await poolerMetrics(kube, pod, { tls: true });
  const base = '/api/v1/namespaces/team/pods';
  expect(api.requests.map(({ path }) => path)).toEqual([
    `${base}/http:pooler-abc:9127/proxy/metrics`,
    `${base}/https:pooler-abc:9127/proxy/metrics`,
  ]);
});
