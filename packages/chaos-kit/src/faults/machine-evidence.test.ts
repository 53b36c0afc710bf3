import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { afterEach, describe, expect, test } from 'vitest';
import { eachWithServer } from '../../../cnpg-utils/test/support/each-with-server.ts';
import type { FakeApiServer } from '../../../cnpg-utils/test/support/fake-api-server.ts';
import { serveObjects } from '../../../cnpg-utils/test/support/object-server.ts';
import { makeTestCertificate } from '../../../cnpg-utils/test/support/test-certificates.ts';
import { fakeLab } from '../../test/fakes/fake-lab.ts';
import { apiRead, apiReadTime, kubeletSilent, nodeBack, serviceState, stateOf } from './machine-evidence.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

const signal = new AbortController().signal;
const node = { kind: 'node', role: 'node of primary', name: 'w1', uid: 'u', ip: '127.0.0.1' } as const;
const open: Server[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function listen(one: Server): Promise<number> {
  open.push(one);
  const { promise, resolve } = Promise.withResolvers<void>();
  one.listen(0, '127.0.0.1', resolve);
  await promise;
  return (one.address() as AddressInfo).port;
}

const kubelet = () => listen(createTlsServer(makeTestCertificate(['w1'])));

describe('a kubelet', () => {
  test('that shakes hands is not silent', async () => {
    expect(await kubeletSilent(node, signal, await kubelet())).toMatchObject({ seen: false });
  });

  test('is silent when nobody listens, and when somebody listens who stands still', async () => {
    const port = await kubelet();
    for (const one of open.splice(0)) one.close();
    expect(await kubeletSilent(node, signal, port)).toMatchObject({
      seen: true,
      what: expect.stringContaining('ECONNREFUSED') as string,
    });
    const frozen = await listen(createTcpServer(() => {}));
    expect(await kubeletSilent(node, signal, frozen)).toMatchObject({
      seen: true,
      what: expect.stringContaining('nothing within 1500 ms') as string,
    });
  });

  test('without an address is not called silent', async () => {
    const { ip: _ip, ...unknown } = node;
    expect(await kubeletSilent(unknown, signal)).toMatchObject({ seen: false });
  });
});

describe('a node is back', () => {
  const ready = (status: string) => ({ metadata: { name: 'w1' }, status: { conditions: [{ type: 'Ready', status }] } });

  test.each([
    ['True', true],
    ['Unknown', false],
  ])('when its kubelet answers and Ready is %s: %s', async (status, seen) => {
    serveObjects(server, { '/api/v1/nodes/w1': ready(status) });
    expect(await nodeBack(kube, node, signal, await kubelet())).toMatchObject({ seen });
  });

  test('not while its kubelet is silent, whatever Kubernetes still believes', async () => {
    serveObjects(server, { '/api/v1/nodes/w1': ready('True') });
    expect(await nodeBack(kube, node, signal, await listen(createTcpServer(() => {})))).toMatchObject({ seen: false });
  });
});

describe('an API server', () => {
  test('that answers is not broken, and one that does not is', async () => {
    serveObjects(server, { '/api/v1/namespaces/kube-system': { metadata: { name: 'kube-system' } } });
    expect(await apiRead(kube, true, signal)).toMatchObject({ seen: false });
    expect(await apiRead(kube, false, signal)).toMatchObject({ seen: true });
    expect(await apiReadTime(kube, 20, signal)).toBeLessThan(2_000);
    serveObjects(server, {});
    expect(await apiRead(kube, true, signal)).toMatchObject({ seen: true });
    expect(await apiRead(kube, false, signal)).toMatchObject({ seen: false });
  });
});

test.each([
  ['S', 'running'],
  ['R', 'running'],
  ['T', 'frozen'],
  ['Z', 'stopped'],
  ['', 'stopped'],
])('a process in state "%s" is %s', async (letter, state) => {
  expect(stateOf(letter)).toBe(state);
  const lab = fakeLab({ exec: { exitCode: 0, stdout: `${letter}\n`, stderr: '' } });
  expect(await serviceState(lab, 'w1', 'kubelet', signal)).toBe(state);
});
