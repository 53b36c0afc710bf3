// What the helpers say where things are missing: an API server without CloudNativePG, kubeconfigs that lead nowhere.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import {
  applyManifests,
  buildCluster,
  CnpgNotInstalledError,
  createBackup,
  createCluster,
  createNamespace,
  createPooler,
  createSecret,
  deleteNamespace,
  dumpCluster,
  findCluster,
  getCluster,
  KindNotFoundError,
  KubeClient,
  KubeconfigError,
  listSnapshots,
  NamespaceTerminatingError,
  NoContextError,
  onlyOfKind,
  OperatorNotFoundError,
  operatorStatus,
  readManifests,
  SnapshotsNotInstalledError,
  waitForClusterReady,
  WaitTimeoutError,
  WrongKindError,
  type KubernetesObject,
} from '../../src/index.ts';
import { startBareServer, type BareServer } from './bare-server.ts';
import { kubeconfigPath } from './lab.ts';

// It is started in the lab's own node.
const ownLab = process.env['CNPG_UTILS_KUBECONFIG'] === undefined;

describe.skipIf(!ownLab)('an API server without CloudNativePG', () => {
  let bare: BareServer;
  let kube: KubeClient;
  const ref = { namespace: 'default', name: 'db' };

  beforeAll(async () => {
    bare = await startBareServer();
    kube = bare.kube;
    await createNamespace(kube, 'default').catch(() => {});
  }, 120_000);
  afterAll(async () => {
    await bare[Symbol.asyncDispose]();
  });

  test('a cluster: "install CloudNativePG first", never "there is none"', async () => {
    const cluster = buildCluster(ref, { profile: 'single' });
    const path = fileURLToPath(new URL('../../../../fixtures/clusters/single.yaml', import.meta.url));
    const manifests = await readManifests(path);
    for (const call of [
      () => getCluster(kube, ref),
      () => findCluster(kube, ref),
      () => createCluster(kube, cluster),
      () => waitForClusterReady(kube, ref, { timeoutMs: 60_000 }),
      () => applyManifests(kube, manifests),
    ]) {
      const startedAt = performance.now();
      const error: unknown = await call().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CnpgNotInstalledError);
      expect(String(error)).toContain('install CloudNativePG first');
      // A wait does not go on for what cannot come.
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    }
  });

  test('its other kinds, the operator and snapshots: each its own error', async () => {
    const backup = createBackup(kube, ref, { cluster: 'db', method: 'volumeSnapshot' });
    await expect(backup).rejects.toBeInstanceOf(KindNotFoundError);
    await expect(createPooler(kube, ref, { cluster: 'db' })).rejects.toThrow('CloudNativePG is not installed');
    await expect(operatorStatus(kube)).rejects.toBeInstanceOf(OperatorNotFoundError);
    await expect(operatorStatus(kube)).rejects.toThrow('Install CloudNativePG first');
    await expect(listSnapshots(kube, ref)).rejects.toBeInstanceOf(SnapshotsNotInstalledError);
  });

  test('a dump has what there is, and says what is missing', async () => {
    const dump = await dumpCluster(kube, ref);
    expect(dump.missing['cluster']).toContain('CnpgNotInstalledError');
    expect(dump.missing['operator']).toContain('OperatorNotFoundError');
    expect(dump.missing).not.toHaveProperty('pods');
    expect(dump.nodes).toEqual([]);
  });

  test('a wrong kind is named together with those that are known', async () => {
    const wrong = { apiVersion: 'apps/v1', kind: 'Deploymnt', metadata: { name: 'x', namespace: 'default' } };
    const error: unknown = await applyManifests(kube, [wrong]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KindNotFoundError);
    expect(String(error)).toMatch(/no kind Deploymnt in apps\/v1; it knows: .*Deployment/);
    expect(() => onlyOfKind([wrong], 'Deployment', 'x.yaml')).toThrow(WrongKindError);
    const absent = { ...wrong, apiVersion: 'nobody.example.org/v1' };
    await expect(applyManifests(kube, [absent])).rejects.toThrow('install what brings it');
    await expect(kube.isNamespaced(absent)).rejects.toBeInstanceOf(KindNotFoundError);
  });

  // No controller is there that would finish a deletion.
  test('a namespace that never goes: what is created there, and the wait for its end', async () => {
    await createNamespace(kube, 'stuck');
    const wait = deleteNamespace(kube, 'stuck', { timeoutMs: 3_000, forceAfterMs: 1_000 });
    const error: unknown = await wait.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(String(error)).toContain('Terminating');
    for (const call of [
      () => createNamespace(kube, 'stuck'),
      () => createSecret(kube, { namespace: 'stuck', name: 'new' }, { key: 'value' }),
      () =>
        kube.apply<KubernetesObject>({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { namespace: 'stuck', name: 'c' },
        }),
    ]) {
      await expect(call()).rejects.toBeInstanceOf(NamespaceTerminatingError);
    }
    await expect(createNamespace(kube, 'stuck')).rejects.toThrow('wait until it is gone, or use another name');
  }, 30_000);
});

test('a kubeconfig without a current context, with another one, and none at all', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
  try {
    const whole = parse(await readFile(kubeconfigPath(), 'utf8')) as Record<string, unknown> & {
      contexts: { name: string }[];
    };
    const path = join(folder, 'config');
    const { 'current-context': _, ...without } = whole;
    await writeFile(path, stringify(without));
    expect(() => KubeClient.fromFile(path)).toThrow(NoContextError);
    expect(() => KubeClient.fromFile(path)).toThrow(`${path}: it has no current context; set one with`);
    const context = whole.contexts[0]?.name ?? '';
    await using kube = KubeClient.fromFile(path, { context });
    await expect(kube.version()).resolves.toMatchObject({ gitVersion: expect.stringMatching(/^v1\./) });
    expect(() => KubeClient.fromFile(path, { context: 'other' })).toThrow(`known are: ${context}`);
    expect(() => KubeClient.fromFile(join(folder, 'none'))).toThrow(KubeconfigError);
  } finally {
    await rm(folder, { recursive: true });
  }
});
