import { CoreV1Api, KubeConfig, type V1ConfigMap, type V1Lease } from '@kubernetes/client-node';
import { beforeEach, describe, expect, test } from 'vitest';
import { eachWithServer } from '../../test/support/each-with-server.ts';
import { configMapList, type FakeApiServer, reply, status } from '../../test/support/fake-api-server.ts';
import { KubeClient } from './client.ts';
import {
  CnpgNotInstalledError,
  ConflictError,
  ForbiddenError,
  InvalidError,
  isTransientKubeError,
  KindNotFoundError,
  KubeconfigError,
  KubeError,
  NoContextError,
  NotFoundError,
  TimeoutError,
  UnauthorizedError,
  UnreachableError,
} from './errors.ts';

const configMaps = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'n' };

let server: FakeApiServer;
let kube: KubeClient;

eachWithServer((fresh) => ({ server, kube } = fresh));

describe('connections', () => {
  const answerLists = () => {
    server.handler = (_request, response) => {
      reply(response, 200, configMapList('1', {}));
    };
  };

  test('a hundred calls share a connection, generated APIs included', async () => {
    answerLists();
    for (let i = 0; i < 50; i++) {
      await kube.list(configMaps);
      await kube.core.listNamespacedConfigMap({ namespace: 'n' });
    }
    expect(server.requests).toHaveLength(100);
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  test('without the wrapper every call opens one (when this fails, the wrapper has become needless)', async () => {
    answerLists();
    const plain = new KubeConfig();
    plain.loadFromString(server.kubeconfig);
    const api = plain.makeApiClient(CoreV1Api);
    for (let i = 0; i < 10; i++) await api.listNamespacedConfigMap({ namespace: 'n' });
    expect(server.connections).toBe(10);
  });

  test('calls go on after all connections were reset', async () => {
    answerLists();
    await kube.list(configMaps);
    server.cutConnections();
    await kube.list(configMaps).catch(() => []);
    await expect(kube.list(configMaps)).resolves.toEqual([]);
  });

  test('credentials are sent', async () => {
    answerLists();
    await kube.list(configMaps);
    await kube.core.listNamespacedConfigMap({ namespace: 'n' });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer secret-token',
      'Bearer secret-token',
    ]);
  });
});

describe('errors', () => {
  const ref = { ...configMaps, name: 'a' };

  test.for([
    [400, InvalidError],
    [401, UnauthorizedError],
    [403, ForbiddenError],
    [404, NotFoundError],
    [409, ConflictError],
    [422, InvalidError],
    [500, KubeError],
  ] as const)('reply %i becomes its class, for own and generated calls', async ([code, errorClass]) => {
    server.handler = (_request, response) => {
      reply(response, code, status(code, 'SomeReason', 'what the server said'));
    };
    const own = await kube.get(ref).catch((error: unknown) => error);
    const generated = await kube.core
      .readNamespacedConfigMap({ namespace: 'n', name: 'a' })
      .catch((error: unknown) => error);
    for (const error of [own, generated]) {
      expect(error).toBeInstanceOf(errorClass);
      expect(error).toMatchObject({ status: code, reason: 'SomeReason' });
      expect(String(error)).toContain('what the server said');
    }
    expect(String(own)).toContain('get ConfigMap n/a');
  });

  test('a refused object names its fields', async () => {
    const causes = [{ reason: 'FieldValueInvalid', field: 'spec.instances', message: 'must be positive' }];
    server.handler = (_request, response) => {
      reply(response, 422, status(422, 'Invalid', 'Cluster is invalid', { causes }));
    };
    await expect(kube.get(ref)).rejects.toMatchObject({ causes: ['spec.instances: must be positive'] });
  });

  test('what RBAC forbids names the missing rule', async () => {
    const user = 'system:serviceaccount:team:tests';
    const refused = `pods is forbidden: User "${user}" cannot list resource "pods" in API group "" in the namespace "n"`;
    server.handler = (_request, response) => reply(response, 403, status(403, 'Forbidden', refused));
    const error: unknown = await kube.get(ref).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ForbiddenError);
    expect(error).not.toBeInstanceOf(UnauthorizedError);
    expect(String(error)).toContain(
      `Bind a Role in namespace n with the rule {apiGroups: [""], resources: ["pods"], verbs: ["list"]} to ${user}; ` +
        `check with \`kubectl auth can-i list pods -n n --as=${user}\``,
    );
    const clusterWide =
      'User "me" cannot patch resource "clusters/status" in API group "postgresql.cnpg.io" at the cluster scope';
    server.handler = (_request, response) => reply(response, 403, status(403, 'Forbidden', clusterWide));
    await expect(kube.get(ref)).rejects.toThrow('Bind a ClusterRole with the rule {apiGroups: ["postgresql.cnpg.io"]');
  });

  test('a refusal that is not RBAC’s gets no advice, unknown credentials get another one', async () => {
    server.handler = (_request, response) => reply(response, 403, status(403, 'Forbidden', 'exceeded quota: small'));
    await expect(kube.get(ref)).rejects.toThrow(/exceeded quota: small$/);
    server.handler = (_request, response) => reply(response, 401, status(401, 'Unauthorized', 'Unauthorized'));
    const error: unknown = await kube.get(ref).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnauthorizedError);
    expect(String(error)).toContain("Renew the credentials of the kubeconfig's user");
  });

  test('a kind that the server does not know is told apart from an object that is not there', async () => {
    server.handler = (_request, response) => {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    };
    const of = (apiVersion: string, kind: string) => ({ apiVersion, kind, namespace: 'n', name: 'a' });
    await expect(kube.get(of('postgresql.cnpg.io/v1', 'Backup'))).rejects.toBeInstanceOf(KindNotFoundError);
    await expect(kube.list(of('postgresql.cnpg.io/v1', 'Pooler'))).rejects.toThrow('not installed, or too old for it');
    await expect(kube.find(of('postgresql.cnpg.io/v1', 'Cluster'))).rejects.toBeInstanceOf(CnpgNotInstalledError);
    await expect(kube.find(of('postgresql.cnpg.io/v1', 'FailoverQuorum'))).resolves.toBeUndefined();
    // A group that has to be discovered first, which fails in the same way.
    await expect(kube.get(of('barmancloud.cnpg.io/v1', 'ObjectStore'))).rejects.toBeInstanceOf(KindNotFoundError);
    await expect(kube.list(of('barmancloud.cnpg.io/v1', 'ObjectStore'))).rejects.toThrow('install what brings it');
  });

  test('a reply that is no Status keeps its text', async () => {
    server.handler = (_request, response) => {
      response.writeHead(503).end('upstream connect error');
    };
    await expect(kube.get(ref)).rejects.toThrow('upstream connect error');
    await expect(kube.get(ref)).rejects.toMatchObject({ status: 503, transient: true });
  });

  test('no server is UnreachableError with the cause kept', async () => {
    await server[Symbol.asyncDispose]();
    const error = await kube.get(ref).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ transient: true });
    expect(String(error)).toContain('ECONNREFUSED');
    expect((error as Error).cause).toBeInstanceOf(Error);
  });

  test('a connection that is cut in the middle of a call is UnreachableError', async () => {
    server.handler = () => {
      server.cutConnections();
    };
    await expect(kube.get(ref)).rejects.toBeInstanceOf(UnreachableError);
    await expect(kube.core.readNamespacedConfigMap({ namespace: 'n', name: 'a' })).rejects.toBeInstanceOf(
      UnreachableError,
    );
  });

  test('a server that never answers is TimeoutError', async () => {
    server.handler = () => {};
    await expect(kube.get(ref, { timeoutMs: 30 })).rejects.toBeInstanceOf(TimeoutError);
  });

  test('a server that never finishes its answer is TimeoutError', async () => {
    server.handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"kind":');
    };
    await expect(kube.get(ref, { timeoutMs: 50 })).rejects.toBeInstanceOf(TimeoutError);
  });

  test('an aborted call rejects with the reason of its signal', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    server.handler = () => {
      controller.abort(reason);
    };
    await expect(kube.get(ref, { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('objects', () => {
  test('unknown fields survive, timestamps are dates', async () => {
    const sent = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', namespace: 'n', creationTimestamp: '2026-01-02T03:04:05Z', newField: 'kept' },
      spec: { holderIdentity: 'me', renewTime: '2026-01-02T03:04:05.123456Z', futureField: { x: 1 } },
    };
    server.handler = (_request, response) => {
      reply(response, 200, sent);
    };
    const lease = await kube.get<V1Lease>({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      namespace: 'n',
      name: 'l',
    });
    expect(lease.metadata?.creationTimestamp).toEqual(new Date('2026-01-02T03:04:05Z'));
    expect(lease.spec?.renewTime).toBeInstanceOf(Date);

    await kube.replace(lease);
    const written = JSON.parse(server.requests.at(-1)?.body ?? '') as typeof sent;
    expect(written).toMatchObject({
      metadata: { newField: 'kept' },
      spec: { futureField: { x: 1 }, renewTime: '2026-01-02T03:04:05.123456Z' },
    });
  });

  test('items of a list get kind and version', async () => {
    server.handler = (_request, response) => {
      reply(response, 200, configMapList('1', { a: '1' }));
    };
    await expect(kube.list(configMaps)).resolves.toMatchObject([{ apiVersion: 'v1', kind: 'ConfigMap' }]);
  });

  test('a list is read to its last page', async () => {
    server.handler = (request, response) => {
      const second = request.query.get('continue') === 'more';
      const page = configMapList('9', second ? { b: '2' } : { a: '1' });
      if (!second) page['metadata'] = { resourceVersion: '9', continue: 'more' };
      reply(response, 200, page);
    };
    const items = await kube.list<V1ConfigMap>(configMaps);
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(['a', 'b']);
  });

  test('find gives undefined for 404 only', async () => {
    await expect(kube.find({ ...configMaps, name: 'a' })).resolves.toBeUndefined();
    server.handler = (_request, response) => {
      reply(response, 500, status(500, 'InternalError', 'no'));
    };
    await expect(kube.find({ ...configMaps, name: 'a' })).rejects.toBeInstanceOf(KubeError);
  });
});

describe('writes', () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n' } };
  const lastRequest = () => server.requests.at(-1);

  beforeEach(() => {
    server.handler = (_request, response) => {
      reply(response, 200, object);
    };
  });

  test.for([
    ['merge', 'application/merge-patch+json'],
    ['strategic', 'application/strategic-merge-patch+json'],
    ['json', 'application/json-patch+json'],
  ] as const)('a %s patch says so', async ([type, contentType]) => {
    await kube.patch({ ...configMaps, name: 'a' }, { data: { x: 'y' } }, { type });
    expect(lastRequest()?.headers['content-type']).toBe(contentType);
  });

  test('a patch is a merge patch unless told otherwise', async () => {
    await kube.patch({ ...configMaps, name: 'a' }, {}, { subresource: 'status' });
    expect(lastRequest()).toMatchObject({ method: 'PATCH', path: '/api/v1/namespaces/n/configmaps/a/status' });
    expect(lastRequest()?.headers['content-type']).toBe('application/merge-patch+json');
  });

  test('apply is server-side, with manager and force', async () => {
    await kube.apply(object);
    expect(lastRequest()?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(lastRequest()?.query.toString()).toBe('fieldManager=cnpg-chaos&force=true');
  });

  test('delete sends grace period and precondition', async () => {
    await kube.delete({ ...configMaps, name: 'a' }, { gracePeriodSeconds: 0, preconditions: { uid: 'u1' } });
    expect(lastRequest()?.method).toBe('DELETE');
    expect(JSON.parse(lastRequest()?.body ?? '')).toMatchObject({
      gracePeriodSeconds: 0,
      preconditions: { uid: 'u1' },
    });
  });

  test('deleteIfExists says whether there was anything', async () => {
    await expect(kube.deleteIfExists({ ...configMaps, name: 'a' })).resolves.toBe(true);
    server.handler = (_request, response) => {
      reply(response, 404, status(404, 'NotFound', 'gone'));
    };
    await expect(kube.deleteIfExists({ ...configMaps, name: 'a' })).resolves.toBe(false);
    await expect(kube.delete({ ...configMaps, name: 'a' })).rejects.toBeInstanceOf(NotFoundError);
  });

  test('an object without kind or namespace is refused before anything is sent', async () => {
    await expect(kube.create({ metadata: { name: 'a' } })).rejects.toThrow('apiVersion and kind');
    await expect(kube.get({ apiVersion: 'v1', kind: 'Pod', name: 'a' })).rejects.toThrow('namespace is missing');
    expect(server.requests).toHaveLength(0);
  });
});

describe('kinds', () => {
  test('an unknown kind is discovered once', async () => {
    server.handler = (request, response) => {
      if (request.path === '/apis/chaos-mesh.org/v1alpha1') {
        const resources = [
          { kind: 'PodChaos', name: 'podchaos', namespaced: true },
          { kind: 'PodChaos', name: 'podchaos/status', namespaced: true },
        ];
        reply(response, 200, { kind: 'APIResourceList', resources });
      } else reply(response, 200, { apiVersion: 'chaos-mesh.org/v1alpha1', kind: 'PodChaos' });
    };
    const ref = { apiVersion: 'chaos-mesh.org/v1alpha1', kind: 'PodChaos', namespace: 'n', name: 'p' };
    await Promise.all([kube.get(ref), kube.get(ref)]);
    expect(server.requests.map(({ path }) => path)).toEqual([
      '/apis/chaos-mesh.org/v1alpha1',
      '/apis/chaos-mesh.org/v1alpha1/namespaces/n/podchaos/p',
      '/apis/chaos-mesh.org/v1alpha1/namespaces/n/podchaos/p',
    ]);
  });

  test('a kind that is not installed is named', async () => {
    server.handler = (_request, response) => {
      reply(response, 200, { kind: 'APIResourceList', resources: [] });
    };
    const ref = { apiVersion: 'chaos-mesh.org/v1alpha1', kind: 'PodChaos', namespace: 'n', name: 'p' };
    await expect(kube.get(ref)).rejects.toThrow('knows no kind PodChaos in chaos-mesh.org/v1alpha1');
    await expect(kube.get(ref)).rejects.toBeInstanceOf(NotFoundError);
  });

  test('a failed discovery is tried again', async () => {
    const ref = { apiVersion: 'chaos-mesh.org/v1alpha1', kind: 'PodChaos', namespace: 'n', name: 'p' };
    server.handler = (_request, response) => {
      reply(response, 503, status(503, 'ServiceUnavailable', 'starting'));
    };
    await expect(kube.get(ref)).rejects.toMatchObject({ status: 503 });
    server.handler = (_request, response) => {
      reply(response, 200, { resources: [{ kind: 'PodChaos', name: 'podchaos', namespaced: true }] });
    };
    await expect(kube.get(ref)).resolves.toBeDefined();
  });
});

describe('kubeconfig', () => {
  test('the environment is not looked at', () => {
    process.env['KUBECONFIG'] = '/nonexistent';
    try {
      expect(KubeClient.fromString(server.kubeconfig).server).toBe(server.url);
    } finally {
      delete process.env['KUBECONFIG'];
    }
  });

  test('a kubeconfig without a current context says what to do', () => {
    const without = JSON.stringify({ ...(JSON.parse(server.kubeconfig) as object), 'current-context': undefined });
    expect(() => KubeClient.fromString(without)).toThrow(NoContextError);
    expect(() => KubeClient.fromString(without)).toThrow('pass `context`; known are: x');
    expect(KubeClient.fromString(without, { context: 'x' }).server).toBe(server.url);
    expect(() => KubeClient.fromString('{')).toThrow(KubeconfigError);
    expect(() => KubeClient.fromString('')).toThrow(KubeconfigError);
  });

  test('credentials that cannot be used are not taken for a server that does not answer', async () => {
    const config = JSON.parse(server.kubeconfig) as { users: unknown[] };
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: '/nonexistent/login',
      interactiveMode: 'Never',
    };
    config.users = [{ name: 'u', user: { exec } }];
    await using own = KubeClient.fromString(JSON.stringify(config));
    const error: unknown = await own.version().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KubeconfigError);
    expect(String(error)).toContain('the credentials of context "x" (user u)');
    expect(String(error)).toContain('/nonexistent/login');
    expect(isTransientKubeError(error)).toBe(false);
  });

  test('a missing file and a missing context are named', () => {
    expect(() => KubeClient.fromFile('/nonexistent/config')).toThrow('/nonexistent/config');
    expect(() => KubeClient.fromString(server.kubeconfig, { context: 'other' })).toThrow(
      'there is no context "other"; known are: x',
    );
  });
});
