import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  appCredentials,
  applyManifests,
  askInstance,
  buildCluster,
  ClusterNotFoundError,
  clusterProfiles,
  createTestNamespace,
  currentPrimary,
  deleteManifests,
  directoryIsEmpty,
  dumpCluster,
  fileExists,
  ForbiddenError,
  formatDump,
  getCluster,
  holdVolume,
  instanceStatus,
  InvalidError,
  KindNotFoundError,
  KubeClient,
  KubeError,
  NamespaceTerminatingError,
  parseJsonLog,
  parseManifests,
  PGDATA,
  podLogs,
  postgresRecords,
  psqlRows,
  readManifests,
  UnauthorizedError,
  waitFor,
  type ClusterProfileName,
} from '../../src/index.ts';
import { ensureSharedCluster, labClient, namespace, ref } from './lab.ts';

const kube = labClient();

beforeAll(() => ensureSharedCluster(kube), 330_000);

afterAll(async () => {
  await kube.close();
});

const place = (pod: string) => ({ namespace, pod, container: 'postgres' });

test.for(Object.keys(clusterProfiles) as ClusterProfileName[])(
  'CloudNativePG accepts the shape %s',
  async (profile) => {
    const cluster = buildCluster({ namespace, name: `dry-${profile}` }, { profile });
    await expect(kube.create(cluster, { dryRun: true })).resolves.toMatchObject({ kind: 'Cluster' });
    const path = fileURLToPath(new URL(`../../../../fixtures/clusters/${profile}.yaml`, import.meta.url));
    const [fixture] = await readManifests(path);
    expect(fixture?.kind).toBe('Cluster');
  },
);

// What the builder refuses, the webhook refuses, too: the rules are not ours.
test.for<[why: string, spec: object]>([
  ['too few instances', { postgresql: { synchronous: { method: 'any', number: 1 } } }],
  ['a parameter of the operator', { postgresql: { parameters: { ssl: 'off' } } }],
  ['a short lease', { primaryLease: { leaseDurationSeconds: 10 } }],
  ['few tries to renew', { primaryLease: { renewDeadlineSeconds: 6, retryPeriodSeconds: 5 } }],
  [
    'preferred with names of others',
    {
      instances: 3,
      postgresql: { synchronous: { method: 'any', number: 1, dataDurability: 'preferred', standbyNamesPost: ['x'] } },
    },
  ],
])('CloudNativePG refuses %s', async ([, spec]) => {
  const cluster = buildCluster({ namespace, name: 'dry' }, { profile: 'single' });
  const refused = { ...cluster, spec: { ...cluster.spec, ...spec } };
  const error: unknown = await kube.create(refused, { dryRun: true }).catch((problem: unknown) => problem);
  expect(error).toBeInstanceOf(KubeError);
  expect(error).toMatchObject({ status: expect.toSatisfy((status: number) => status === 403 || status === 422) });
});

test('files of an instance', async () => {
  const { pod } = await currentPrimary(kube, ref);
  await expect(fileExists(kube, place(pod.name), `${PGDATA}/postmaster.pid`)).resolves.toBe(true);
  await expect(fileExists(kube, place(pod.name), `${PGDATA}/none`)).resolves.toBe(false);
  await expect(directoryIsEmpty(kube, place(pod.name), `${PGDATA}/pg_twophase`)).resolves.toBe(true);
  await expect(directoryIsEmpty(kube, place(pod.name), `${PGDATA}/base`)).resolves.toBe(false);
});

test('an instance manager answers at the address of its pod, without the API server', async () => {
  const { name, pod } = await currentPrimary(kube, ref);
  const { ca, serverName } = await appCredentials(kube, ref);
  const address = { ip: pod.ip ?? '', tls: { ca, serverName } };
  await expect(instanceStatus(address)).resolves.toMatchObject({
    isPrimary: true,
    pod: { metadata: { name } },
    replicationInfo: [{ state: 'streaming' }, { state: 'streaming' }],
  });
  await expect(askInstance(address, '/healthz')).resolves.toMatchObject({ status: 200 });
  await expect(askInstance(address, '/failsafe')).resolves.toMatchObject({ status: 200 });
});

test('a dump has every part', async () => {
  const dump = await dumpCluster(kube, ref);
  expect(dump.missing).toEqual({});
  expect(dump.pods).toHaveLength(3);
  expect(dump.endpointSlices.length).toBeGreaterThanOrEqual(3);
  expect(dump.primaryLease?.spec?.holderIdentity).toBe(dump.cluster?.status?.currentPrimary);
  const text = formatDump(dump);
  expect(text).toContain('Cluster in healthy state');
  expect(text).toContain(`${ref.name}-rw → `);
});

test('PostgreSQL’s log: an error of ours is in it', async () => {
  const { pod } = await currentPrimary(kube, ref);
  const mark = `p${Date.now()}`;
  await psqlRows(kube, { namespace, name: pod.name }, `SELECT ${mark}`).catch(() => []);
  const records = await waitFor(
    'the record',
    async () => {
      const { entries } = parseJsonLog(await podLogs(kube, place(pod.name), { sinceSeconds: 60 }));
      const found = postgresRecords(entries).filter(({ message }) => message.includes(mark));
      return found.length > 0 ? found : undefined;
    },
    { timeoutMs: 10_000 },
  );
  expect(records[0]).toMatchObject({ severity: 'ERROR', sqlState: '42703', user: 'postgres' });
}, 20_000);

test('a namespace with a held volume and a database without a primary is gone within its time', async () => {
  const own = await createTestNamespace(kube, 'own', { deletion: { forceAfterMs: 5_000, timeoutMs: 60_000 } });
  const objects = parseManifests(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: held }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 16Mi } } }
---
apiVersion: postgresql.cnpg.io/v1
kind: Database
metadata: { name: orphan, finalizers: [cnpg.io/deleteDatabase] }
spec: { name: orphan, owner: app, cluster: { name: nobody } }
`);
  await applyManifests(kube, objects, { namespace: own.name });
  await holdVolume(kube, { namespace: own.name, name: 'held' });
  const deletion = own[Symbol.asyncDispose]();
  await waitFor(
    'the namespace to refuse',
    async () => {
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: `s${Date.now()}`, namespace: own.name } };
      const error: unknown = await kube.create(secret).catch((problem: unknown) => problem);
      return error instanceof NamespaceTerminatingError ? true : undefined;
    },
    { timeoutMs: 5_000, intervalMs: 100 },
  );
  await deletion;
  await expect(kube.find({ apiVersion: 'v1', kind: 'Namespace', name: own.name })).resolves.toBeUndefined();
  await expect(deleteManifests(kube, objects, { namespace: own.name })).resolves.toBe(0);
}, 90_000);

test('a manifest that the API server refuses names the field', async () => {
  const objects = parseManifests(
    'apiVersion: v1\nkind: Service\nmetadata: { name: x }\nspec: { ports: [{ port: 99999 }] }',
  );
  const error: unknown = await applyManifests(kube, objects, { namespace }).catch((problem: unknown) => problem);
  expect(error).toBeInstanceOf(InvalidError);
  expect(String(error)).toContain('port');
});

test('what RBAC forbids: the rule that the error names is the one that is missing', async () => {
  await using own = await createTestNamespace(kube, 'rbac');
  const place = { namespace: own.name, name: 'tester' };
  await applyManifests(kube, parseManifests('{ apiVersion: v1, kind: ServiceAccount, metadata: { name: tester } }'), {
    namespace: own.name,
  });
  const path = `/api/v1/namespaces/${own.name}/serviceaccounts/tester/token`;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
  const reply = await kube.transport.json({ method: 'POST', path, body, what: 'ask for a token' });
  const { token } = (reply as { status: { token: string } }).status;
  const server = kube.config.getCurrentCluster();
  const kubeconfig = (bearer: string) =>
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: kube.server, 'certificate-authority-data': server?.caData } }],
      users: [{ name: 'u', user: { token: bearer } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
  await using weak = KubeClient.fromString(kubeconfig(token));
  const pods = { apiVersion: 'v1', kind: 'Pod', namespace: own.name };
  const refused: unknown = await weak.list(pods).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ForbiddenError);
  const advice = /Bind a Role in namespace (?<namespace>\S+) with the rule (?<rule>\{.*\}) to (?<user>\S+);/;
  const groups = advice.exec(String(refused))?.groups ?? {};
  expect(groups).toMatchObject({ namespace: own.name, user: `system:serviceaccount:${own.name}:tester` });
  await applyManifests(
    kube,
    parseManifests(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: advised }
rules: [${groups['rule'] ?? ''}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: advised }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: advised }
subjects: [{ kind: ServiceAccount, name: tester, namespace: ${place.namespace} }]
`),
    { namespace: own.name },
  );
  await waitFor('the rule to be in force', async () => await weak.list(pods).catch(() => undefined), {
    timeoutMs: 10_000,
    intervalMs: 250,
  });
  await using unknown = KubeClient.fromString(kubeconfig('not-a-token'));
  await expect(unknown.list(pods)).rejects.toBeInstanceOf(UnauthorizedError);
}, 90_000);

test('a kind that the server does not know is told apart from an object that is not there', async () => {
  const of = (kind: string) => ({ apiVersion: 'postgresql.cnpg.io/v1', kind, namespace, name: 'nobody' });
  await expect(kube.get(of('Backup'))).rejects.toMatchObject({ name: 'NotFoundError' });
  await expect(kube.get(of('Nothing'))).rejects.toBeInstanceOf(KindNotFoundError);
  await expect(getCluster(kube, of('Cluster'))).rejects.toBeInstanceOf(ClusterNotFoundError);
  // What tells them apart: for a path that it does not know the server gives no reason.
  const path = '/apis/postgresql.cnpg.io/v1/namespaces/default/nothings/nobody';
  const error: unknown = await kube.transport
    .text({ method: 'GET', path, what: 'get nothing' })
    .catch((problem: unknown) => problem);
  expect(error).toMatchObject({ status: 404, reason: undefined });
});
