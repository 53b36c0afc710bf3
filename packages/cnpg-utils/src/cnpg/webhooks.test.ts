import { expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply, status } from '../../test/support/fake-api-server.ts';
import { serveObjects } from '../../test/support/object-server.ts';
import type { KubeClient } from '../kube/client.ts';
import { ForbiddenError, UnreachableError } from '../kube/errors.ts';
import { probeWebhook, setWebhookNamespaceSelector, webhookAnswers, WebhookNotFoundError } from './webhooks.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

function answer(code: number, reason: string, message: string): void {
  server.handler = (_request, response) => {
    reply(response, code, status(code, reason, message));
  };
}

test('the refusal that only the validating webhook can give proves it', async () => {
  answer(422, 'Invalid', 'Cluster.cluster "cnpg-chaos-webhook-probe" is invalid: spec.storage.size: Invalid value: ""');
  await expect(probeWebhook(kube)).resolves.toEqual({ answers: true });
  await expect(webhookAnswers(kube)).resolves.toBe(true);
});

test('nothing is ever created', async () => {
  answer(422, 'Invalid', 'spec.storage.size');
  await probeWebhook(kube, { namespace: 'team' });
  expect(server.requests).toHaveLength(1);
  expect(server.requests[0]?.path).toBe('/apis/postgresql.cnpg.io/v1/namespaces/team/clusters');
  expect(server.requests[0]?.query.get('dryRun')).toBe('All');
});

test('a webhook that cannot be reached does not answer', async () => {
  answer(500, 'InternalError', 'failed calling webhook "mcluster.cnpg.io": connection refused');
  const probe = await probeWebhook(kube);
  expect(probe.answers).toBe(false);
  expect(probe.problem).toContain('connection refused');
  await expect(webhookAnswers(kube)).resolves.toBe(false);
});

test('an invalid Cluster that is accepted: there is no validating webhook', async () => {
  server.handler = (_request, response) => {
    reply(response, 201, { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster' });
  };
  await expect(probeWebhook(kube)).resolves.toMatchObject({
    answers: false,
    problem: expect.stringContaining('validating webhook is not installed') as string,
  });
});

test('no CloudNativePG at all', async () => {
  server.handler = (_request, response) => {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
  };
  const { answers, problem } = await probeWebhook(kube);
  expect(answers).toBe(false);
  expect(problem).toContain('install CloudNativePG first');
});

test('a namespace that is not there', async () => {
  answer(404, 'NotFound', 'namespaces "team" not found');
  await expect(probeWebhook(kube, { namespace: 'team' })).resolves.toMatchObject({
    answers: false,
    problem: expect.stringContaining('namespaces "team" not found') as string,
  });
});

test('a webhook is restricted by its name, and given back what was there', async () => {
  const webhooks = [{ name: 'mbackup.cnpg.io' }, { name: 'mcluster.cnpg.io', namespaceSelector: {} }];
  const path =
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/cnpg-mutating-webhook-configuration';
  serveObjects(server, { [path]: { webhooks } as object });
  const selector = { matchLabels: { team: 'a' } };
  await expect(setWebhookNamespaceSelector(kube, 'mutating', selector)).resolves.toEqual({});
  const patch = server.requests.at(-1);
  expect(patch?.headers['content-type']).toBe('application/json-patch+json');
  // Another order of the webhooks than the one that was read is refused by the server.
  expect(JSON.parse(patch?.body ?? '')).toEqual([
    { op: 'test', path: '/webhooks/1/name', value: 'mcluster.cnpg.io' },
    { op: 'add', path: '/webhooks/1/namespaceSelector', value: selector },
  ]);
  const absent = await setWebhookNamespaceSelector(kube, 'validating', selector).catch((error: unknown) => error);
  expect(absent).toBeInstanceOf(WebhookNotFoundError);
  expect(String(absent)).toContain('vcluster.cnpg.io');
});

test('trouble that is not the webhook is an error, not an answer', async () => {
  answer(403, 'Forbidden', 'you may not create clusters');
  await expect(probeWebhook(kube)).rejects.toBeInstanceOf(ForbiddenError);
  await server[Symbol.asyncDispose]();
  await expect(probeWebhook(kube)).rejects.toBeInstanceOf(UnreachableError);
});
