// What is small and breaks nothing: each is done to the server itself, and looked at there.
import type { V1ConfigMap, V1Namespace, V1Secret } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import {
  ALL_INSTANCES,
  annotateCluster,
  annotations,
  archivingSettings,
  BarmanCloudNotInstalledError,
  buildCluster,
  clusterHealth,
  ConflictError,
  createCluster,
  createNamespace,
  createObjectStore,
  createObjectStoreSecret,
  createPod,
  createSecret,
  createTestNamespace,
  currentPrimary,
  deletePod,
  editAnnotations,
  ensureNamespace,
  fence,
  FencingError,
  findPodByUid,
  followLogs,
  getCluster,
  holdObject,
  isFenced,
  labelledPrimary,
  listFenced,
  listReplicas,
  names,
  NotFoundError,
  operatorLogs,
  operatorStatus,
  parseJsonLog,
  phases,
  podRestarts,
  releaseObject,
  secretText,
  serviceClusterIp,
  serviceEndpoints,
  serviceFqdn,
  unfence,
  waitForClusterReady,
  waitForPhase,
  waitForPodGone,
  WaitTimeoutError,
  walReceiver,
  type Manifest,
} from '../../src/index.ts';
import { anyImage, brisk, ensureSharedCluster, labClient, namespace, ref } from './lab.ts';

const kube = labClient();

beforeAll(() => ensureSharedCluster(kube), 330_000);

afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await kube.close();
});

async function aReplica() {
  const [replica] = await listReplicas(kube, ref);
  if (replica === undefined) throw new Error('a replica is needed');
  return replica;
}

const namespaceOf = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', name });

test('PRESERVE_NAMESPACES keeps a namespace with what is in it; without it, it goes', async () => {
  vi.stubEnv('PRESERVE_NAMESPACES', 'other, kept');
  const own = await createTestNamespace(kube, 'kept', { labels: { 'cnpg-utils': 'kept' } });
  try {
    await createSecret(kube, { namespace: own.name, name: 'inside' }, { key: 'value' });
    await own[Symbol.asyncDispose]();
    expect(own.preserved).toBe(true);
    const kept = await kube.get<V1Namespace>(namespaceOf(own.name));
    expect(kept).toMatchObject({ status: { phase: 'Active' }, metadata: { labels: { 'cnpg-utils': 'kept' } } });
    const secret = await kube.get<V1Secret>({ apiVersion: 'v1', kind: 'Secret', namespace: own.name, name: 'inside' });
    expect(secretText(secret, 'key')).toBe('value');
    expect(() => secretText(secret, 'password')).toThrow(`Secret ${own.name}/inside has no key password; it has: key`);
    // It can be used again, and is no other one.
    await expect(createNamespace(kube, own.name)).rejects.toBeInstanceOf(ConflictError);
    const again = await ensureNamespace(kube, own.name, { labels: { again: 'yes' } });
    expect(again.metadata).toMatchObject({ uid: kept.metadata?.uid, labels: { again: 'yes' } });
  } finally {
    await kube.deleteIfExists(namespaceOf(own.name));
  }
  vi.stubEnv('PRESERVE_NAMESPACES', 'kept');
  const gone = await createTestNamespace(kube, 'gone', { deletion: { timeoutMs: 60_000 } });
  await gone[Symbol.asyncDispose]();
  expect(gone.preserved).toBe(false);
  await expect(kube.find(namespaceOf(gone.name))).resolves.toBeUndefined();
}, 90_000);

test('annotations are set, changed under the version, and removed', async () => {
  const key = 'cnpg-utils/mark';
  const set = await annotateCluster(kube, ref, { [key]: 'a' });
  expect(set.metadata?.annotations).toMatchObject({ [key]: 'a' });
  // Both see the same value first; neither change is lost.
  const add = async (what: string) =>
    await editAnnotations(kube, ref, (value) => [...(value ?? '').split(','), what].toSorted().join(','), {
      annotation: key,
    });
  await Promise.all([add('b'), add('c'), add('d')]);
  const cluster = await getCluster(kube, ref);
  expect(cluster.metadata?.annotations?.[key]).toBe('a,b,c,d');
  const same = await editAnnotations(kube, ref, (value) => value, { annotation: key });
  expect(same.metadata?.resourceVersion).toBe(cluster.metadata?.resourceVersion);
  const removed = await annotateCluster(kube, ref, { [key]: undefined });
  expect(Object.keys(removed.metadata?.annotations ?? {})).not.toContain(key);
});

test('who is fenced is read from the cluster; one name cannot be taken out of all', async () => {
  // Without the operator at work: nothing shall be stopped for this.
  await annotateCluster(kube, ref, { [annotations.reconciliationLoop]: 'disabled' });
  try {
    const replica = await aReplica();
    await expect(listFenced(kube, ref)).resolves.toEqual([]);
    await annotateCluster(kube, ref, { [annotations.fencedInstances]: JSON.stringify(['nobody-9']) });
    await expect(listFenced(kube, ref)).resolves.toEqual(['nobody-9']);
    expect(isFenced(await getCluster(kube, ref), replica.name)).toBe(false);
    expect(isFenced(await getCluster(kube, ref), 'nobody-9')).toBe(true);
    await unfence(kube, ref, 'nobody-9');
    expect(Object.keys((await getCluster(kube, ref)).metadata?.annotations ?? {})).not.toContain(
      annotations.fencedInstances,
    );
    await annotateCluster(kube, ref, { [annotations.fencedInstances]: 'no list' });
    await expect(listFenced(kube, ref)).rejects.toBeInstanceOf(FencingError);
    await expect(fence(kube, ref, replica.name)).rejects.toBeInstanceOf(FencingError);
  } finally {
    await annotateCluster(kube, ref, {
      [annotations.fencedInstances]: undefined,
      [annotations.reconciliationLoop]: undefined,
    });
  }
  expect(ALL_INSTANCES).toBe('*');
});

test('a service: its name, its address, and the pods behind it by UID', async () => {
  const primary = await currentPrimary(kube, ref);
  const rw = { namespace, name: names.readWriteService(ref.name) };
  expect(serviceFqdn(rw)).toBe(`${ref.name}-rw.${namespace}.svc.cluster.local`);
  await expect(serviceClusterIp(kube, rw)).resolves.toMatch(/^[0-9a-f.:]+$/);
  await expect(serviceEndpoints(kube, rw)).resolves.toEqual([
    { ip: primary.pod.ip, ready: true, pod: primary.pod.name, podUid: primary.pod.uid },
  ]);
  const replicas = await listReplicas(kube, ref);
  const ro = await serviceEndpoints(kube, { namespace, name: names.readOnlyService(ref.name) });
  expect(new Set(ro.map(({ podUid }) => podUid))).toEqual(new Set(replicas.map(({ pod }) => pod.uid)));
  expect(ro).toHaveLength(2);
  await expect(serviceEndpoints(kube, { namespace, name: 'nobody' })).resolves.toEqual([]);
  await expect(serviceClusterIp(kube, { namespace, name: 'nobody' })).rejects.toBeInstanceOf(NotFoundError);
  await expect(labelledPrimary(kube, ref)).resolves.toMatchObject({ name: primary.name });
});

test('a healthy cluster has no problems by any measure, the webhook among them', async () => {
  const { healthy, problems, facts } = await clusterHealth(kube, ref, { webhook: true });
  expect(problems).toEqual([]);
  expect(healthy).toBe(true);
  const replica = await aReplica();
  await expect(walReceiver(kube, ref, replica)).resolves.toEqual({ status: 'streaming', timeline: facts.timeline });
  await expect(walReceiver(kube, ref, await currentPrimary(kube, ref))).resolves.toEqual({});
});

test('a pod: ready, its log as it comes, and gone by UID; one that cannot start says why', async () => {
  const image = (await getCluster(kube, ref)).status?.image ?? '';
  const command = ['sh', '-c', 'echo begin; sleep 3; echo end; exec sleep 600'];
  const shape = (name: string, of: string) => ({
    metadata: { namespace, name },
    spec: {
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsUser: 26, runAsNonRoot: true },
      containers: [{ name: 'main', image: of, imagePullPolicy: 'Never', command }],
    },
  });
  const pod = await createPod(kube, shape('small', image), { timeoutMs: 60_000 });
  const id = { namespace, name: 'small', uid: pod.metadata?.uid ?? '' };
  try {
    expect(podRestarts(pod)).toBe(0);
    await expect(createPod(kube, shape('small', image))).rejects.toBeInstanceOf(ConflictError);
    const lines: string[] = [];
    for await (const line of followLogs(kube, { namespace, pod: 'small', container: 'main' })) {
      lines.push(line);
      if (line === 'end') break;
    }
    expect(lines).toEqual(['begin', 'end']);
    await expect(waitForPodGone(kube, id, { timeoutMs: 500 })).rejects.toThrow('Last observed: Running');
    // Its name is in use again at once; the pod that was meant is gone all the same.
    await deletePod(kube, id, { uid: id.uid, gracePeriodSeconds: 0 });
    const successor = await createPod(kube, shape('small', image), { timeoutMs: 60_000 });
    await waitForPodGone(kube, id, { timeoutMs: 5_000 });
    expect(successor.metadata?.uid).not.toBe(id.uid);
    await expect(findPodByUid(kube, id)).resolves.toBeUndefined();
    await expect(deletePod(kube, id, { uid: id.uid })).rejects.toBeInstanceOf(ConflictError);
    const stuck = createPod(kube, shape('stuck', 'nobody.example.org/none:1'), { timeoutMs: 5_000 });
    await expect(stuck).rejects.toThrow(/stuck.*(ErrImageNeverPull|waits)/s);
  } finally {
    for (const name of ['small', 'stuck']) {
      await kube.deleteIfExists({ apiVersion: 'v1', kind: 'Pod', namespace, name }, { gracePeriodSeconds: 0 });
    }
  }
}, 180_000);

test('an object that is held does not go until it is released', async () => {
  const held = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'held' };
  await kube.create<Manifest>({ ...held, metadata: { namespace, name: 'held' } });
  await expect(holdObject(kube, held)).resolves.toBe(true);
  await kube.delete(held);
  expect((await kube.get<V1ConfigMap>(held)).metadata?.deletionTimestamp).toBeInstanceOf(Date);
  await expect(releaseObject(kube, held)).resolves.toBe(true);
  await expect(kube.find(held)).resolves.toBeUndefined();
  await expect(releaseObject(kube, held)).resolves.toBe(false);
});

test('the log of the operator tells of the cluster', async () => {
  const status = await operatorStatus(kube);
  const logs = await operatorLogs(kube, { namespace: status.namespace, tailLines: 2_000 });
  expect(Object.keys(logs).toSorted()).toEqual(status.pods.map(({ name }) => name).toSorted());
  const { entries } = parseJsonLog(Object.values(logs).join('\n'));
  expect(entries.length).toBeGreaterThan(0);
});

test('an object store without the plugin: its own error, and a cluster that needs it says so', async () => {
  await createObjectStoreSecret(kube, { namespace, name: 'store-keys' }, 'id', 'key');
  const archived = { namespace, name: 'archived' };
  try {
    const settings = { destinationPath: 's3://nowhere/', credentials: 'store-keys' };
    const refused = createObjectStore(kube, { namespace, name: 'store' }, settings);
    await expect(refused).rejects.toBeInstanceOf(BarmanCloudNotInstalledError);
    await expect(refused).rejects.toThrow('apply the manifest of the plugin');
    const shape = { profile: 'single', ...brisk, ...(await anyImage(kube)), ...archivingSettings('store') } as const;
    await createCluster(kube, buildCluster(archived, shape));
    const cluster = await waitForPhase(kube, archived, phases.unknownPlugin, { timeoutMs: 60_000 });
    expect(cluster.status?.phaseReason).toContain('barman-cloud.cloudnative-pg.io');
    const error: unknown = await waitForClusterReady(kube, archived, { timeoutMs: 2_000 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(String(error)).toContain(phases.unknownPlugin);
    expect(String(error)).toContain('barman-cloud.cloudnative-pg.io');
  } finally {
    await kube.deleteIfExists({ apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster', ...archived });
    await kube.deleteIfExists({ apiVersion: 'v1', kind: 'Secret', namespace, name: 'store-keys' });
  }
}, 120_000);
