// Backups to their end. Nothing on the lab makes snapshots of volumes: the kinds are installed for the time of these tests,
// and the tests say "it is made" where a driver would. All else is CloudNativePG's own.
import type { KubernetesObject } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  applyManifests,
  buildCluster,
  createBackup,
  createScheduledBackup,
  createTestNamespace,
  currentPrimary,
  defaultSnapshotClass,
  deleteManifests,
  hasCondition,
  conditions,
  getCluster,
  listBackups,
  listSnapshots,
  parseManifests,
  restartOperator,
  snapshotBackupSettings,
  snapshotRecoverySettings,
  SnapshotsNotInstalledError,
  waitFor,
  waitForBackup,
  type TestNamespace,
  type VolumeSnapshot,
} from '../../src/index.ts';
import { ensureCluster, exclusive, labClient } from './lab.ts';

const GROUP = 'snapshot.storage.k8s.io';

// Of a group of Kubernetes' own, hence the annotation that the API server asks for.
const kinds = parseManifests(
  ['VolumeSnapshot', 'VolumeSnapshotContent', 'VolumeSnapshotClass']
    .map(
      (kind) => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: ${plural(kind)}.${GROUP}
  annotations: { api-approved.kubernetes.io: 'unapproved, for the time of a test' }
spec:
  group: ${GROUP}
  scope: ${kind === 'VolumeSnapshot' ? 'Namespaced' : 'Cluster'}
  names: { kind: ${kind}, plural: ${plural(kind)}, singular: ${kind.toLowerCase()} }
  versions:
    - name: v1
      served: true
      storage: true
      subresources: { status: {} }
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`,
    )
    .join('---\n'),
);

function plural(kind: string): string {
  return `${kind.toLowerCase()}${kind.endsWith('s') ? 'es' : 's'}`;
}

const kube = labClient();
const missing = await listSnapshots(kube, { namespace: 'default' }).catch((error: unknown) => error);

describe.skipIf(!exclusive || !(missing instanceof SnapshotsNotInstalledError))('a backup by snapshots', () => {
  let own: TestNamespace;
  let ref: { namespace: string; name: string };

  beforeAll(async () => {
    await applyManifests(kube, kinds);
    await waitFor(
      'the kinds',
      async () =>
        await defaultSnapshotClass(kube).then(
          () => true,
          () => undefined,
        ),
      {
        timeoutMs: 30_000,
        intervalMs: 250,
      },
    );
    await applyManifests(
      kube,
      parseManifests(`
apiVersion: ${GROUP}/v1
kind: VolumeSnapshotClass
metadata: { name: none, annotations: { snapshot.storage.kubernetes.io/is-default-class: 'true' } }
driver: nobody.example.org
deletionPolicy: Delete
`),
    );
    // It looks for the kinds once, when it starts.
    await restartOperator(kube);
    own = await createTestNamespace(kube, 'snapshots');
    ref = { namespace: own.name, name: 'db' };
    const snapshotClass = (await defaultSnapshotClass(kube)) ?? 'there is none';
    const settings = { profile: 'single', walStorage: { size: '512Mi' } } as const;
    await ensureCluster(kube, ref, { ...settings, ...snapshotBackupSettings(snapshotClass) });
  }, 240_000);

  afterAll(async () => {
    await own?.[Symbol.asyncDispose]();
    await deleteManifests(kube, kinds);
    await restartOperator(kube);
    await kube.close();
  }, 240_000);

  /** Says of the snapshots of a backup that they are made. */
  async function make(backup: string, count: number): Promise<VolumeSnapshot[]> {
    const place = { namespace: own.name, cluster: ref.name, backup };
    const asked = await waitFor(
      `${count} snapshots of ${backup}`,
      async () => {
        const found = await listSnapshots(kube, place);
        return found.length === count ? found : undefined;
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    expect(asked.every(({ ready }) => !ready)).toBe(true);
    for (const { name } of asked) {
      const status = {
        readyToUse: true,
        boundVolumeSnapshotContentName: `content-${name}`,
        creationTime: new Date().toISOString(),
        restoreSize: '1Gi',
      };
      const snapshot = { apiVersion: `${GROUP}/v1`, kind: 'VolumeSnapshot', namespace: own.name, name };
      await kube.patch<KubernetesObject>(snapshot, { status }, { subresource: 'status' });
    }
    return await listSnapshots(kube, place);
  }

  test('is complete when the snapshots are, and a cluster can begin from them', async () => {
    const backup = { namespace: own.name, name: 'by-hand' };
    await createBackup(kube, backup, {
      cluster: ref.name,
      method: 'volumeSnapshot',
      online: true,
      target: 'primary',
    });
    expect((await getCluster(kube, ref)).spec['backup']).toMatchObject({ volumeSnapshot: { className: 'none' } });
    const early: unknown = await waitForBackup(kube, backup, { timeoutMs: 1_000 }).catch((error: unknown) => error);
    expect(String(early)).toContain('Last observed: ');
    const snapshots = await make('by-hand', 2);
    const { status, cluster } = await waitForBackup(kube, backup, { timeoutMs: 90_000 });
    const primary = await currentPrimary(kube, ref);
    expect(cluster).toBe(ref.name);
    expect(status).toMatchObject({
      phase: 'completed',
      method: 'volumeSnapshot',
      instanceID: { podName: primary.pod.name },
      beginWal: expect.stringMatching(/^[0-9A-F]{24}$/),
      endWal: expect.stringMatching(/^[0-9A-F]{24}$/),
      beginLSN: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
      endLSN: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
    });
    expect(new Set(snapshots.map(({ role, ready }) => `${role} ${String(ready)}`))).toEqual(
      new Set(['PG_DATA true', 'PG_WAL true']),
    );
    const copy = buildCluster(
      { namespace: own.name, name: 'copy' },
      { profile: 'single', walStorage: { size: '512Mi' }, ...snapshotRecoverySettings(snapshots) },
    );
    await expect(kube.create(copy, { dryRun: true })).resolves.toMatchObject({ kind: 'Cluster' });
    const done = await waitFor(
      'the condition of the cluster',
      async () => {
        const now = await getCluster(kube, ref);
        return hasCondition(now, conditions.lastBackupSucceeded, 'True') ? now : undefined;
      },
      { timeoutMs: 30_000, intervalMs: 500 },
    );
    expect(hasCondition(done, conditions.ready, 'True')).toBe(true);
  }, 200_000);

  test('is made by a plan, to its end; a plan that is suspended makes none', async () => {
    const plan = { cluster: ref.name, method: 'volumeSnapshot', online: true, schedule: '0 0 3 * * *' } as const;
    await createScheduledBackup(
      kube,
      { namespace: own.name, name: 'off' },
      { ...plan, immediate: true, suspend: true },
    );
    await createScheduledBackup(kube, { namespace: own.name, name: 'nightly' }, { ...plan, immediate: true });
    const made = await waitFor(
      'its first backup',
      async () => (await listBackups(kube, ref)).find(({ name }) => name.startsWith('nightly')),
      { timeoutMs: 30_000, intervalMs: 250 },
    );
    await make(made.name, 2);
    await expect(waitForBackup(kube, made, { timeoutMs: 90_000 })).resolves.toMatchObject({
      uid: made.uid,
      status: { phase: 'completed' },
    });
    expect((await listBackups(kube, ref)).filter(({ name }) => name.startsWith('off'))).toEqual([]);
  }, 200_000);
});
