import type { KubernetesObject, V1PersistentVolumeClaim } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  appCredentials,
  assertAllPodsHave,
  assertFollowPromotion,
  assertRolesConsistent,
  assertSinglePrimary,
  assertStreaming,
  assertWritesRefused,
  BackupFailedError,
  ClusterAssertionError,
  connect,
  connectPrimary,
  controlData,
  cordonNode,
  createBackup,
  createCaSecret,
  createPooler,
  createScheduledBackup,
  createTestNamespace,
  deletePod,
  poolerMetrics,
  currentPrimary,
  defaultStorageClass,
  deleteCluster,
  describeTransition,
  expandVolume,
  ForbiddenError,
  getCluster,
  importSettings,
  InvalidError,
  isInRecovery,
  isNodeReachable,
  isReplicaCluster,
  listBackups,
  listInstances,
  listNodes,
  listPoolerPods,
  listReplicas,
  listSnapshots,
  listVolumes,
  loginSource,
  pausePooler,
  primaryLease,
  primaryTruth,
  psqlRows,
  recordCluster,
  replicaClusterSettings,
  selfSignedCertificate,
  setReplicaMode,
  SnapshotsNotInstalledError,
  stealPrimaryLease,
  storageClassExpands,
  streamingSource,
  taintNode,
  timelineOf,
  uncordonAll,
  uncordonNode,
  untaintNode,
  waitFor,
  waitForBackup,
  waitForDemotionToken,
  waitForHealthy,
  waitForPooler,
  type BackupRequest,
} from '../../src/index.ts';
import { ensureCluster, ensureSharedCluster, exclusive, labClient, namespace, ref } from './lab.ts';

const kube = labClient();

beforeAll(() => ensureSharedCluster(kube), 330_000);

afterAll(async () => {
  await kube.close();
});

test('all six sources name the same primary, the lease among them', async () => {
  const primary = await currentPrimary(kube, ref);
  const truth = await primaryTruth(kube, ref);
  expect(truth.disagreements).toEqual([]);
  expect(truth.agreed).toBe(primary.name);
  expect(truth.sources.leaseHolder).toBe(primary.name);
  expect(truth.writable).toEqual([primary.name]);
  await expect(assertRolesConsistent(kube, ref)).resolves.toMatchObject({ agreed: primary.name });
  await expect(assertSinglePrimary(kube, ref)).resolves.toBe(primary.name);
});

test('standbys stream and refuse writes, the primary takes them; each says its timeline', async () => {
  const [primary, [replica]] = await Promise.all([currentPrimary(kube, ref), listReplicas(kube, ref)]);
  if (replica === undefined) throw new Error('a replica is needed');
  const timeline = await assertStreaming(kube, ref);
  await expect(assertFollowPromotion(kube, ref, timeline)).rejects.toBeInstanceOf(ClusterAssertionError);
  await assertWritesRefused(kube, ref, replica);
  await expect(assertWritesRefused(kube, ref, primary)).rejects.toBeInstanceOf(ClusterAssertionError);
  for (const { name, pod } of [primary, replica]) {
    const at = { namespace, name: pod.name };
    await expect(isInRecovery(kube, at)).resolves.toBe(name !== primary.name);
    await expect(timelineOf(kube, at)).resolves.toBe(timeline);
    expect((await controlData(kube, at))['Database system identifier']).toMatch(/^\d+$/);
  }
  await assertAllPodsHave(kube, ref, { labels: { 'app.kubernetes.io/managed-by': 'cloudnative-pg' } });
  await expect(assertAllPodsHave(kube, ref, { labels: { 'cnpg.io/instanceRole': 'primary' } })).rejects.toBeInstanceOf(
    ClusterAssertionError,
  );
});

test.for(['service', 'pod', 'forward'] as const)('the primary is reached through its %s', async (via) => {
  await using primary = await connectPrimary(kube, ref, { via });
  const { rows } = await primary.client.query<{ is: boolean }>('SELECT pg_is_in_recovery() AS is');
  expect(rows).toEqual([{ is: false }]);
  await expect(connectPrimary(kube, ref, { via, user: 'superuser' })).rejects.toThrow('set enableSuperuserAccess');
});

test('a stolen lease: the primary learns of it, and never two of them write', async () => {
  await using timeline = recordCluster(kube, ref);
  await timeline.ready;
  const before = await currentPrimary(kube, ref);
  const lease = await primaryLease(kube, ref);
  const startMs = performance.now();
  await stealPrimaryLease(kube, ref, 'somebody-else');
  await expect(primaryLease(kube, ref)).resolves.toMatchObject({ transitions: (lease?.transitions ?? 0) + 1 });
  const watched = await waitFor(
    'an instance to hold the lease again',
    async () => {
      const { writable, sources } = await primaryTruth(kube, ref);
      expect(writable.length).toBeLessThanOrEqual(1);
      const { leaseHolder } = sources;
      return leaseHolder !== 'somebody-else' && leaseHolder !== null ? leaseHolder : undefined;
    },
    { timeoutMs: 120_000, intervalMs: 500 },
  );
  await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
  const changes = timeline.transitions.filter(({ atMs }) => atMs >= startMs);
  console.log(changes.map((change) => describeTransition(change, startMs)).join('\n'));
  const after = await currentPrimary(kube, ref);
  expect(after.name).toBe(watched);
  // Whoever is primary now, the one of before has noticed: its PostgreSQL was started anew, or it is none any more.
  const then = (await listInstances(kube, ref)).find(({ name }) => name === before.name);
  expect(after.name !== before.name || (then?.pod.restarts ?? 0) > before.pod.restarts).toBe(true);
}, 420_000);

describe.skipIf(!exclusive)('nodes', () => {
  const taint = { key: 'cnpg-utils-tests/taint', value: 'a', effect: 'PreferNoSchedule' } as const;

  test('tainted and untainted, cordoned and uncordoned', async () => {
    const nodes = await listNodes(kube);
    expect(nodes.filter(isNodeReachable)).toHaveLength(nodes.length);
    const { pod } = await currentPrimary(kube, ref);
    // Not where a primary is: the operator would move it.
    const node = nodes.map(({ metadata }) => metadata?.name ?? '').find((name) => name !== pod.node) ?? '';
    const state = async () => (await listNodes(kube)).find(({ metadata }) => metadata?.name === node)?.spec;
    await taintNode(kube, node, taint);
    await taintNode(kube, node, { ...taint, value: 'b' });
    expect((await state())?.taints?.filter(({ key }) => key === taint.key)).toMatchObject([{ value: 'b' }]);
    await expect(untaintNode(kube, node, taint)).resolves.toBe(true);
    await expect(untaintNode(kube, node, taint)).resolves.toBe(false);
    expect((await state())?.taints ?? []).not.toContainEqual(expect.objectContaining({ key: taint.key }));
    await cordonNode(kube, node);
    expect((await state())?.unschedulable).toBe(true);
    await uncordonNode(kube, node);
    expect((await state())?.unschedulable).toBeUndefined();
    await cordonNode(kube, node);
    await expect(uncordonAll(kube)).resolves.toEqual([node]);
    expect((await state())?.unschedulable).toBeUndefined();
  });
});

describe('expanding a volume', () => {
  test('is refused where the class cannot', async ({ skip }) => {
    const [volume] = await listVolumes(kube, ref);
    const storageClass = volume?.storageClass ?? (await defaultStorageClass(kube)) ?? '';
    skip(await storageClassExpands(kube, storageClass), `class ${storageClass} can`);
    const refused = expandVolume(kube, { namespace, name: volume?.name ?? '' }, '1Gi');
    await expect(refused).rejects.toSatisfy(
      (error) => error instanceof ForbiddenError || error instanceof InvalidError,
    );
    await expect(refused).rejects.toThrow('resize');
  });

  test('is asked for where the class can', async () => {
    await using own = await createTestNamespace(kube, 'expand');
    const storageClass = own.name;
    const claim = { namespace: own.name, name: 'claim' };
    const storage = { storage: '16Mi' };
    await kube.create({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: storageClass },
      provisioner: 'kubernetes.io/no-provisioner',
      allowVolumeExpansion: true,
    });
    try {
      await expect(storageClassExpands(kube, storageClass)).resolves.toBe(true);
      await kube.create({
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: storageClass },
        spec: {
          storageClassName: storageClass,
          capacity: storage,
          accessModes: ['ReadWriteOnce'],
          hostPath: { path: `/tmp/${storageClass}` },
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim },
        },
      });
      await kube.create({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: claim,
        spec: { storageClassName: storageClass, accessModes: ['ReadWriteOnce'], resources: { requests: storage } },
      });
      const read = async () =>
        await kube.get<V1PersistentVolumeClaim>({
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          ...claim,
        });
      await waitFor(
        'the claim to be bound',
        async () => ((await read()).status?.phase === 'Bound' ? true : undefined),
        {
          timeoutMs: 30_000,
          intervalMs: 250,
        },
      );
      await expandVolume(kube, claim, '32Mi');
      expect((await read()).spec?.resources).toEqual({ requests: { storage: '32Mi' } });
      await expect(expandVolume(kube, claim, '16Mi')).rejects.toBeInstanceOf(InvalidError);
    } finally {
      await kube.deleteIfExists({ apiVersion: 'v1', kind: 'PersistentVolume', name: storageClass });
      await kube.deleteIfExists({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', name: storageClass });
    }
  }, 90_000);
});

test.for<[method: BackupRequest['method'], said: string]>([
  ['barmanObjectStore', 'no backup section'],
  [{ plugin: 'nobody.example.org' }, 'no plugin configured'],
])('a backup that has nowhere to go fails at once and says why: %j', { timeout: 60_000 }, async ([method, said]) => {
  const backup = { namespace, name: `backup-${Date.now()}` };
  await createBackup(kube, backup, { cluster: ref.name, method, target: 'primary' });
  try {
    const names = (await listBackups(kube, { namespace, cluster: ref.name })).map(({ name }) => name);
    expect(names).toContain(backup.name);
    const error: unknown = await waitForBackup(kube, backup, { timeoutMs: 30_000 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BackupFailedError);
    expect(String(error)).toContain(said);
  } finally {
    await kube.deleteIfExists({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Backup', ...backup });
  }
});

test('a plan makes a backup at once; a time that is none is refused', { timeout: 60_000 }, async () => {
  const plan = { namespace, name: `plan-${Date.now()}` };
  const request = { cluster: ref.name, method: 'barmanObjectStore', target: 'primary' } as const;
  await expect(createScheduledBackup(kube, plan, { ...request, schedule: 'at noon' })).rejects.toBeInstanceOf(
    InvalidError,
  );
  await createScheduledBackup(kube, plan, { ...request, schedule: '0 0 3 * * *', immediate: true });
  try {
    const made = await waitFor(
      'its first backup',
      async () => (await listBackups(kube, { namespace })).find(({ name }) => name.startsWith(plan.name)),
      { timeoutMs: 30_000, intervalMs: 500 },
    );
    await expect(waitForBackup(kube, made, { timeoutMs: 30_000 })).rejects.toBeInstanceOf(BackupFailedError);
    await kube.deleteIfExists({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Backup', namespace, name: made.name });
  } finally {
    await kube.deleteIfExists({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'ScheduledBackup', ...plan });
  }
});

test('where there are no volume snapshots, asking for one is refused, and their absence has its own error', async ({
  skip,
}) => {
  const there = await listSnapshots(kube, { namespace }).catch((error: unknown) => error);
  skip(Array.isArray(there), 'this cluster has volume snapshots');
  expect(there).toBeInstanceOf(SnapshotsNotInstalledError);
  const request = { cluster: ref.name, method: 'volumeSnapshot' } as const;
  await expect(createBackup(kube, { namespace, name: 'snapshot' }, request)).rejects.toThrow('VolumeSnapshot');
});

// The lab has no PgBouncer. What is ready here is a container that does nothing; its pods, their labels, their Deployment and
// the probe are CloudNativePG's.
test('a pooler is ready when its pods are, and one that was deleted comes back as another', async () => {
  const pooler = { namespace, name: 'idle' };
  const image = (await getCluster(kube, ref)).status?.image ?? '';
  const container = {
    name: 'pgbouncer',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['sleep', '3600'],
    readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
  };
  const template = { spec: { terminationGracePeriodSeconds: 0, containers: [container] } };
  await createPooler(kube, pooler, { cluster: ref.name, instances: 2, type: 'ro', template });
  try {
    const pods = await waitForPooler(kube, pooler, { timeoutMs: 60_000 });
    expect(pods).toHaveLength(2);
    const uids = pods.map(({ metadata }) => metadata?.uid ?? '');
    await deletePod(kube, { namespace, name: pods[0]?.metadata?.name ?? '' }, { uid: uids[0] ?? '' });
    const now = await waitFor(
      'another pod',
      async () => {
        const there = await waitForPooler(kube, pooler, { timeoutMs: 30_000 });
        return there.some(({ metadata }) => metadata?.uid === uids[0]) ? undefined : there;
      },
      { timeoutMs: 40_000, intervalMs: 250 },
    );
    expect(now.map(({ metadata }) => metadata?.uid)).toContain(uids[1]);
    const read = await kube.get<KubernetesObject & { status?: { instances?: number } }>({
      apiVersion: 'postgresql.cnpg.io/v1',
      kind: 'Pooler',
      ...pooler,
    });
    expect(read.status?.instances).toBe(2);
    // Nothing listens there: an error that names the pod, not an empty text.
    const name = now[0]?.metadata?.name ?? '';
    await expect(poolerMetrics(kube, { namespace, name })).rejects.toMatchObject({
      message: expect.stringContaining(name),
      transient: true,
    });
  } finally {
    await kube.deleteIfExists({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Pooler', ...pooler });
  }
}, 150_000);

test('a pooler is made, held back and let go; while its image is missing the wait says so', async () => {
  const pooler = { namespace, name: 'pooler' };
  await createPooler(kube, pooler, { cluster: ref.name, instances: 2, poolMode: 'transaction' });
  try {
    const read = async () =>
      await kube.get<KubernetesObject & { spec?: object }>({
        apiVersion: 'postgresql.cnpg.io/v1',
        kind: 'Pooler',
        ...pooler,
      });
    await pausePooler(kube, pooler, true);
    expect((await read()).spec).toMatchObject({
      cluster: { name: ref.name },
      type: 'rw',
      instances: 2,
      pgbouncer: { poolMode: 'transaction', paused: true },
    });
    await pausePooler(kube, pooler, false);
    await waitFor('its pods', async () => ((await listPoolerPods(kube, pooler)).length === 2 ? true : undefined), {
      timeoutMs: 30_000,
    });
    // They are no instances of the cluster.
    expect(await listInstances(kube, ref)).toHaveLength(3);
    // The kubelet asks the registry first, for however long that takes.
    const told = new AbortController();
    const outcome = await waitForPooler(kube, pooler, {
      timeoutMs: 60_000,
      signal: told.signal,
      onProgress: (state) => {
        if (state.includes(' waits: ')) told.abort(new Error(state));
      },
    }).then((pods) => `${pods.length} ready`, String);
    expect(outcome).toMatch(/^2 ready$|0 of 2 ready, 2 there; pod pooler-.* waits: /);
    await expect(
      createPooler(kube, { ...pooler, name: 'wrong' }, { cluster: ref.name, instances: -1 }),
    ).rejects.toThrow('spec.instances');
  } finally {
    await kube.deleteIfExists({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Pooler', ...pooler });
  }
}, 150_000);

test('a replica cluster follows, takes writes once it is let go, and is demoted with a token', async () => {
  const copy = { namespace, name: 'copy' };
  try {
    await ensureCluster(kube, copy, { profile: 'single', ...replicaClusterSettings(streamingSource(ref.name)) });
    const standby = await currentPrimary(kube, copy);
    const pod = { namespace, name: standby.pod.name };
    const recovering = async () =>
      (await psqlRows<{ is: boolean }>(kube, pod, 'SELECT pg_is_in_recovery() AS is'))[0]?.is;
    await expect(recovering()).resolves.toBe(true);
    await setReplicaMode(kube, copy, { enabled: false, source: ref.name });
    // Its PostgreSQL may be restarted on the way.
    await waitFor(
      'it to take writes',
      async () => ((await recovering().catch(() => true)) === false ? true : undefined),
      {
        timeoutMs: 90_000,
      },
    );
    expect((await getCluster(kube, copy)).spec['replica']).toMatchObject({ enabled: false });
    await expect(setReplicaMode(kube, copy, { enabled: true, source: 'nobody' })).rejects.toThrow('nobody');
    // Demoted again: what it leaves to its successor tells its last timeline and position.
    await waitForHealthy(kube, copy, { timeoutMs: 120_000 });
    await setReplicaMode(kube, copy, { enabled: true, source: ref.name });
    const token = await waitForDemotionToken(kube, copy, { timeoutMs: 120_000 });
    const told = JSON.parse(Buffer.from(token, 'base64').toString()) as Record<string, unknown>;
    expect(told).toMatchObject({ latestCheckpointTimelineID: expect.any(String) });
    expect(isReplicaCluster(await getCluster(kube, copy))).toBe(true);
  } finally {
    await kube.deleteIfExists({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster', ...copy });
  }
}, 480_000);

test('a cluster with an authority of our own, filled from another one', async () => {
  await using primary = await connectPrimary(kube, ref);
  await primary.client.query('CREATE TABLE IF NOT EXISTS imported AS SELECT 42 AS answer');
  const own = { namespace, name: 'own' };
  const authority = selfSignedCertificate({ commonName: 'cnpg-utils tests', authority: true });
  const secret = { apiVersion: 'v1', kind: 'Secret', namespace, name: 'our-ca' };
  await kube.deleteIfExists(secret);
  await createCaSecret(kube, secret, authority);
  try {
    await ensureCluster(kube, own, {
      profile: 'single',
      certificates: { serverCASecret: secret.name, clientCASecret: secret.name },
      ...importSettings(loginSource(ref.name), { type: 'microservice', database: 'app' }),
    });
    // It checks that the server's certificate is of our making.
    await using copy = await connectPrimary(kube, own);
    const { rows } = await copy.client.query('SELECT answer FROM imported');
    expect(rows).toEqual([{ answer: 42 }]);
    const { ca, superuser: _, ...credentials } = await appCredentials(kube, own);
    expect(ca).toBe(authority.cert);
    const login = { ...credentials, applicationName: 'cnpg-utils tests', sslmode: 'verify-full' as const };
    const foreign = selfSignedCertificate({ commonName: 'cnpg-utils tests', authority: true });
    await expect(connect({ ...login, ca: foreign.cert })).rejects.toMatchObject({ failure: 'tls' });
  } finally {
    await deleteCluster(kube, own);
    await kube.deleteIfExists(secret);
  }
}, 240_000);
