import { describe, expect, test, vi } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { type FakeApiServer, reply, status } from '../../test/support/fake-api-server.ts';
import type { KubeClient } from './client.ts';
import { ConflictError, InvalidError, NamespaceTerminatingError } from './errors.ts';
import {
  createNamespace,
  createTestNamespace,
  deleteNamespace,
  ensureNamespace,
  preservedPrefixes,
  uniqueNamespaceName,
} from './namespaces.ts';

let server: FakeApiServer;
let kube: KubeClient;
eachWithServer((fresh) => ({ server, kube } = fresh));

test('names are unique and valid', () => {
  const names = Array.from({ length: 500 }, () => uniqueNamespaceName('failover'));
  // Upstream draws from 9999 numbers: among 500 two are alike almost always.
  expect(new Set(names).size).toBe(500);
  expect(names[0]).toMatch(/^failover-[0-9a-f]{8}$/);
  expect(uniqueNamespaceName('a'.repeat(54))).toHaveLength(63);
});

test.for(['', 'Upper', '-a', 'a-', 'a_b', 'a'.repeat(55)])('%j is no prefix', (prefix) => {
  expect(() => uniqueNamespaceName(prefix)).toThrow(InvalidError);
});

describe('a namespace that is there', () => {
  const serve = (phase: string) => {
    server.handler = (request, response) => {
      if (request.method === 'POST') reply(response, 409, status(409, 'AlreadyExists', 'exists'));
      else reply(response, 200, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' }, status: { phase } });
    };
  };

  test('is a conflict; being deleted, it is told what to do', async () => {
    serve('Active');
    await expect(createNamespace(kube, 'n')).rejects.toBeInstanceOf(ConflictError);
    await expect(ensureNamespace(kube, 'n')).resolves.toBeDefined();
    serve('Terminating');
    await expect(createNamespace(kube, 'n')).rejects.toThrow('wait until it is gone');
    await expect(ensureNamespace(kube, 'n')).rejects.toBeInstanceOf(NamespaceTerminatingError);
  });
});

test('creating something in a namespace that is being deleted is its own error', async () => {
  server.handler = (_request, response) => {
    const causes = [
      { reason: 'NamespaceTerminating', message: 'namespace n is being terminated', field: 'metadata.namespace' },
    ];
    reply(response, 403, status(403, 'Forbidden', 'secrets "s" is forbidden', { causes }));
  };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'n' } };
  await expect(kube.create(secret)).rejects.toBeInstanceOf(NamespaceTerminatingError);
});

describe('deleting', () => {
  test('what does not exist is done', async () => {
    await deleteNamespace(kube, 'n');
    expect(server.requests.map(({ method }) => method)).toEqual(['DELETE', 'GET']);
  });

  test('finalizers that wait for a dead primary are removed, others are not, and pods get a second', async () => {
    const base = '/apis/postgresql.cnpg.io/v1/namespaces/n';
    const database = (finalizers: string[]) => ({
      apiVersion: 'postgresql.cnpg.io/v1',
      kind: 'Database',
      metadata: { name: 'd', namespace: 'n', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers },
    });
    let gone = false;
    server.handler = (request, response) => {
      if (request.path === '/api/v1/namespaces/n' && request.method === 'GET') {
        const conditions = [{ type: 'NamespaceFinalizersRemaining', status: 'True', message: 'Some content remains' }];
        if (gone) reply(response, 404, {});
        else
          reply(response, 200, { apiVersion: 'v1', kind: 'Namespace', status: { phase: 'Terminating', conditions } });
      } else if (request.path === `${base}/databases/d`) {
        if (request.method === 'PATCH') gone = true;
        reply(response, 200, database(['cnpg.io/deleteDatabase', 'other/kept']));
      } else if (request.path === `${base}/databases`) {
        reply(response, 200, { metadata: {}, items: [database(['cnpg.io/deleteDatabase'])] });
      } else if (request.path === '/api/v1/namespaces/n/pods') {
        reply(response, 200, { metadata: {}, items: [{ metadata: { name: 'p', uid: 'u' } }] });
      } else if (request.path === '/api/v1/namespaces/n/persistentvolumeclaims') {
        reply(response, 200, { metadata: {}, items: [] });
      } else if (request.path === '/apis/postgresql.cnpg.io/v1') {
        const resources = ['publication', 'subscription', 'databaserole'].map((name) => ({
          name: `${name}s`,
          kind: name === 'databaserole' ? 'DatabaseRole' : `${name[0]?.toUpperCase()}${name.slice(1)}`,
          namespaced: true,
        }));
        reply(response, 200, { resources });
      } else reply(response, request.method === 'DELETE' ? 200 : 404, {});
    };
    await deleteNamespace(kube, 'n', { forceAfterMs: 0 });
    const patch = server.requests.find(({ method }) => method === 'PATCH');
    expect(JSON.parse(patch?.body ?? '')).toMatchObject({ metadata: { finalizers: ['other/kept'] } });
    const deletion = server.requests.find(({ method, path }) => method === 'DELETE' && path.endsWith('/pods/p'));
    expect(JSON.parse(deletion?.body ?? '')).toMatchObject({ gracePeriodSeconds: 1, preconditions: { uid: 'u' } });
  });
});

test('one’s own namespace goes with its block, unless it is preserved', async () => {
  server.handler = (request, response) => {
    reply(response, request.method === 'POST' ? 201 : 404, { apiVersion: 'v1', kind: 'Namespace' });
  };
  const use = async (preserve?: string[]) => {
    await using namespace = await createTestNamespace(kube, 'failover', preserve === undefined ? {} : { preserve });
    return namespace.preserved;
  };
  await expect(use(['fence'])).resolves.toBe(false);
  expect(server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
  await expect(use(['fail'])).resolves.toBe(true);
  expect(server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
  vi.stubEnv('PRESERVE_NAMESPACES', 'drain fail');
  await expect(use()).resolves.toBe(true);
  vi.stubEnv('PRESERVE_NAMESPACES', 'drain');
  await expect(use()).resolves.toBe(false);
  vi.unstubAllEnvs();
  expect(preservedPrefixes({ PRESERVE_NAMESPACES: ' fail, drain  x' })).toEqual(['fail', 'drain', 'x']);
  expect(preservedPrefixes({})).toEqual([]);
});
