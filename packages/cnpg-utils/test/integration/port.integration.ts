import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  currentPrimary,
  deletePod,
  deleteVolume,
  describeTransition,
  drainNode,
  EvictionBlockedError,
  evictPod,
  expectedSlots,
  failoverQuorum,
  failPod,
  fence,
  findPodByUid,
  getCluster,
  hibernate,
  holdVolume,
  instanceMetrics,
  instanceStatusByProxy,
  killPostmaster,
  listInstances,
  listSlots,
  listVolumes,
  operatorLeader,
  operatorStatus,
  podLogs,
  PodReplacedError,
  primaryLease,
  psqlRows,
  quorumAllowsFailover,
  recordCluster,
  rehydrate,
  releaseVolume,
  restartCluster,
  scaleCluster,
  setHaSlots,
  setTargetPrimary,
  setUserSlotSync,
  SwitchoverRefusedError,
  tailLogs,
  unfence,
  waitFor,
  waitForClusterReady,
  waitForHealthy,
  waitForPodReplaced,
  waitForPrimaryChange,
  waitForPrimaryLease,
  waitForRestarted,
  waitForSlots,
  waitForVolumesReplaced,
  WaitTimeoutError,
  type Instance,
} from '../../src/index.ts';
import { ensureSharedCluster, labClient, namespace, ref } from './lab.ts';

const kube = labClient();

beforeAll(() => ensureSharedCluster(kube), 330_000);

afterAll(async () => {
  await kube.close();
});

async function aReplica(): Promise<Instance> {
  const primary = await currentPrimary(kube, ref);
  const replica = (await listInstances(kube, ref)).find(({ name }) => name !== primary.name);
  if (replica === undefined) throw new Error('no replica');
  return replica;
}

const idOf = ({ pod }: Instance) => ({ namespace, name: pod.name, uid: pod.uid });

describe('looking', () => {
  test('instance managers tell their status and their metrics', async () => {
    const primary = await currentPrimary(kube, ref);
    const status = await instanceStatusByProxy(kube, idOf(primary));
    expect(status).toMatchObject({ isPrimary: true, timeLineID: expect.any(Number) });
    expect(status.replicationInfo).toHaveLength(2);
    const replica = await instanceStatusByProxy(kube, idOf(await aReplica()));
    expect(replica).toMatchObject({ isPrimary: false, isWalReceiverActive: true, systemID: status.systemID });
    expect(await instanceMetrics(kube, idOf(primary))).toContain('cnpg_collector_up');
  });

  test('the primary holds the lease of the cluster, a pod of the operator its own', async () => {
    const primary = await currentPrimary(kube, ref);
    const lease = await primaryLease(kube, ref);
    expect(lease).toMatchObject({ holder: primary.pod.name, owners: [`Cluster/${ref.name}`] });
    const leader = await operatorLeader(kube);
    expect((await operatorStatus(kube)).pods.map(({ name }) => name)).toContain(leader?.pod);
  });

  test('the quorum allows a failover while enough standbys are there', async () => {
    const primary = await currentPrimary(kube, ref);
    const quorum = await failoverQuorum(kube, ref);
    const standbys = (await listInstances(kube, ref)).map(({ name }) => name).filter((name) => name !== primary.name);
    expect(quorum).toMatchObject({ primary: primary.name, standbyNumber: 1 });
    expect(quorum?.standbyNames.toSorted()).toEqual(standbys);
    expect(quorumAllowsFailover(quorum, standbys).allowed).toBe(true);
    expect(quorumAllowsFailover(quorum, standbys.slice(1)).allowed).toBe(false);
  });

  test('every instance has its slots', async () => {
    const slots = await waitForSlots(kube, ref, { timeoutMs: 90_000 });
    const primary = await currentPrimary(kube, ref);
    expect(slots[primary.name]?.map(({ name }) => name)).toEqual(
      expectedSlots(await getCluster(kube, ref), primary.name),
    );
    expect(Object.keys(slots)).toHaveLength(3);
  }, 100_000);

  test('every instance has a data and a WAL volume', async () => {
    const volumes = await listVolumes(kube, ref);
    expect(volumes.map(({ instance, role }) => `${instance} ${role}`)).toHaveLength(6);
    expect(new Set(volumes.map(({ role }) => role))).toEqual(new Set(['PG_DATA', 'PG_WAL']));
  });
});

test('a client’s own slot is copied to the standbys; slots for high availability are switched off and on', async () => {
  const primary = await currentPrimary(kube, ref);
  const pod = { namespace, name: primary.pod.name };
  const ours = async () => (await listSlots(kube, pod)).filter(({ name }) => name.startsWith('_cnpg_'));
  await waitForSlots(kube, ref, { timeoutMs: 120_000, aligned: true });
  await expect(ours()).resolves.toHaveLength(2);
  const replica = await aReplica();
  await psqlRows(kube, pod, "SELECT slot_name FROM pg_create_physical_replication_slot('a_client', true)");
  try {
    await waitFor(
      'the copy of the slot',
      async () => (await listSlots(kube, idOf(replica))).find(({ name }) => name === 'a_client'),
      { timeoutMs: 90_000, intervalMs: 1_000 },
    );
    const off = await setUserSlotSync(kube, ref, false);
    expect(off.spec['replicationSlots']).toMatchObject({ synchronizeReplicas: { enabled: false } });
    await setHaSlots(kube, ref, false);
    await waitFor('the slots to be gone', async () => ((await ours()).length === 0 ? true : undefined), {
      timeoutMs: 90_000,
      intervalMs: 500,
    });
    // A standby that copied one while the primary dropped it may keep it (seen with 1.30): that is told, not passed over.
    const left = await waitForSlots(kube, ref, { timeoutMs: 30_000 }).then(() => 'none', String);
    expect(left).toMatch(/^none$|port-\d+ has _cnpg_port_\d+ in vain/);
    console.log(`slots on standbys: ${left}`);
  } finally {
    await psqlRows(kube, pod, "SELECT pg_drop_replication_slot('a_client')::text AS dropped");
    await setHaSlots(kube, ref, true);
    await setUserSlotSync(kube, ref, true);
  }
  const back = await waitForSlots(kube, ref, { timeoutMs: 120_000 });
  expect(back[primary.name]?.filter(({ active }) => active)).toHaveLength(2);
}, 400_000);

test('a fenced replica is not ready, an unfenced one is again', async () => {
  const replica = await aReplica();
  await fence(kube, ref, replica.name);
  await waitFor(
    'the fenced pod to be not ready',
    async () =>
      (await listInstances(kube, ref)).find(({ name }) => name === replica.name)?.pod.ready === false
        ? true
        : undefined,
    { timeoutMs: 120_000 },
  );
  expect((await currentPrimary(kube, ref)).name).not.toBe(replica.name);
  await unfence(kube, ref, replica.name);
  const health = await waitForHealthy(kube, ref, { timeoutMs: 140_000 });
  expect(health.problems).toEqual([]);
  expect((await listInstances(kube, ref)).find(({ name }) => name === replica.name)?.pod.uid).toBe(replica.pod.uid);
}, 280_000);

test('a switchover: refused for what does not exist, followed by label, status and lease', async () => {
  await expect(setTargetPrimary(kube, ref, 'port-99')).rejects.toBeInstanceOf(SwitchoverRefusedError);
  const [primary, replica] = await Promise.all([currentPrimary(kube, ref), aReplica()]);
  await expect(setTargetPrimary(kube, ref, replica.name, { uid: 'another' })).rejects.toThrow('has UID');
  const asked = await setTargetPrimary(kube, ref, replica.name, { uid: replica.pod.uid });
  expect(asked.status).toMatchObject({ targetPrimary: replica.name, phase: 'Switchover in progress' });
  const now = await waitForPrimaryChange(kube, ref, { from: primary.name, timeoutMs: 90_000 });
  expect(now.name).toBe(replica.name);
  await waitForPrimaryLease(kube, ref, replica.name);
  await waitForHealthy(kube, ref, { timeoutMs: 180_000 });
}, 300_000);

test('a failover on record: changes, and the log of a pod that is gone', async () => {
  await using timeline = recordCluster(kube, ref);
  await using tail = tailLogs(kube, {
    namespace,
    labelSelector: `cnpg.io/cluster=${ref.name},cnpg.io/podRole=instance`,
    containers: ['postgres'],
  });
  await Promise.all([timeline.ready, tail.ready]);
  const primary = await currentPrimary(kube, ref);
  await waitFor('its log', async () => tail.lines.some(({ uid }) => uid === primary.pod.uid) || undefined, {
    timeoutMs: 20_000,
    intervalMs: 200,
  });
  const startMs = performance.now();
  await deletePod(kube, { namespace, name: primary.pod.name }, { uid: primary.pod.uid, gracePeriodSeconds: 1 });
  const now = await waitForPrimaryChange(kube, ref, { from: primary.name, timeoutMs: 120_000 });
  await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
  const changes = timeline.transitions.filter(({ atMs }) => atMs >= startMs);
  console.log(changes.map((change) => describeTransition(change, startMs)).join('\n'));
  const pending = timeline.first(startMs, ({ what, to }) => what === 'targetPrimary' && to !== primary.name);
  const promoted = timeline.first(startMs, ({ what, to }) => what === 'currentPrimary' && to === now.name);
  const held = timeline.first(startMs, ({ what, to }) => what === 'leaseHolder' && to === now.pod.name);
  expect(pending?.atMs).toBeLessThan(promoted?.atMs ?? 0);
  expect(held?.atMs).toBeLessThan(promoted?.atMs ?? 0);
  expect(timeline.first(startMs, ({ uid, to }) => uid === primary.pod.uid && to === 'gone')).toBeDefined();
  const old = tail.lines.filter(({ uid }) => uid === primary.pod.uid);
  const successor = (await listInstances(kube, ref)).find(({ name }) => name === primary.name);
  expect(successor?.pod.uid).not.toBe(primary.pod.uid);
  const fresh = tail.lines.filter(({ uid }) => uid === successor?.pod.uid);
  expect(old.length).toBeGreaterThan(0);
  expect(fresh.length).toBeGreaterThan(0);
  // Compared with what the API server gives for the pod that has the name now: nothing missing, nothing twice.
  const whole = (await podLogs(kube, { namespace, pod: successor?.pod.name ?? '', container: 'postgres' }))
    .split('\n')
    .filter((line) => line !== '');
  const seen = fresh.map(({ text }) => text);
  expect(seen.slice(0, 200)).toEqual(whole.slice(0, Math.min(200, seen.length)));
  console.log(
    `tail: ${old.length} lines of the old pod, ${fresh.length} of the new; ${tail.problems.join('; ') || 'no problems'}`,
  );
}, 420_000);

test('a killed postmaster: the pod stays, its container is restarted', async () => {
  const replica = await aReplica();
  await expect(killPostmaster(kube, { ...idOf(replica), uid: 'another' })).rejects.toBeInstanceOf(PodReplacedError);
  const { pid } = await killPostmaster(kube, idOf(replica));
  expect(pid).toBeGreaterThan(1);
  await waitFor(
    'a restart',
    async () => {
      const now = (await listInstances(kube, ref)).find(({ pod }) => pod.uid === replica.pod.uid);
      return now !== undefined && now.pod.restarts > replica.pod.restarts ? true : undefined;
    },
    { timeoutMs: 60_000 },
  );
  await waitForHealthy(kube, ref, { timeoutMs: 180_000 });
}, 260_000);

describe('evictions', () => {
  test('the budget protects the primary, and names itself', async () => {
    const primary = await currentPrimary(kube, ref);
    const refused = await evictPod(kube, idOf(primary), { uid: primary.pod.uid }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(EvictionBlockedError);
    expect(String(refused)).toContain(`${ref.name}-primary`);
    const drained = await drainNode(kube, primary.pod.node ?? '', {
      namespace,
      labelSelector: `cnpg.io/instanceName=${primary.name}`,
      cordon: false,
      timeoutMs: 5_000,
    }).catch((error: unknown) => error);
    expect(drained).toBeInstanceOf(WaitTimeoutError);
    expect(String(drained)).toContain(`${ref.name}-primary`);
    expect(await findPodByUid(kube, idOf(primary))).toBeDefined();
  }, 30_000);

  test('a drained replica is replaced by a pod of the same name with another UID', async () => {
    const replica = await aReplica();
    const { evicted } = await drainNode(kube, replica.pod.node ?? '', {
      namespace,
      labelSelector: `cnpg.io/instanceName=${replica.name}`,
      cordon: false,
      timeoutMs: 100_000,
    });
    expect(evicted.map(({ uid }) => uid)).toContain(replica.pod.uid);
    const successor = await waitForPodReplaced(kube, idOf(replica));
    expect(successor.metadata?.uid).not.toBe(replica.pod.uid);
    await waitForHealthy(kube, ref, { timeoutMs: 180_000 });
  }, 400_000);

  test('a pod that is marked as evicted is replaced', async () => {
    const replica = await aReplica();
    await expect(failPod(kube, { ...idOf(replica), uid: 'another' })).rejects.toThrow(/uid|UID/);
    await failPod(kube, idOf(replica));
    await waitForPodReplaced(kube, idOf(replica));
    await waitForHealthy(kube, ref, { timeoutMs: 180_000 });
  }, 400_000);
});

test('a rolling restart reaches every instance', async () => {
  const replica = await aReplica();
  const requested = await restartCluster(kube, ref);
  await waitForRestarted(kube, ref, requested, { timeoutMs: 300_000 });
  await waitForHealthy(kube, ref, { timeoutMs: 180_000 });
  expect(await findPodByUid(kube, idOf(replica))).toBeUndefined();
}, 500_000);

test('a volume that is held does not go; released, it comes back as another', async () => {
  const replica = await aReplica();
  const volumes = await listVolumes(kube, ref, { instance: replica.name });
  const wal = volumes.find(({ role }) => role === 'PG_WAL');
  if (wal === undefined) throw new Error('no WAL volume');
  expect(await holdVolume(kube, { namespace, name: wal.name })).toBe(true);
  expect(await holdVolume(kube, { namespace, name: wal.name })).toBe(false);
  try {
    for (const { name, uid } of volumes) await deleteVolume(kube, { namespace, name, uid });
    await deletePod(kube, idOf(replica), { uid: replica.pod.uid, gracePeriodSeconds: 1 });
    const impatient = waitForVolumesReplaced(kube, ref, volumes, { timeoutMs: 15_000 });
    await expect(impatient).rejects.toThrow(`${wal.name} (still there, being deleted)`);
  } finally {
    await releaseVolume(kube, { namespace, name: wal.name });
  }
  const now = await waitForVolumesReplaced(kube, ref, volumes);
  expect(now.map(({ uid }) => uid)).not.toContain(wal.uid);
  await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
}, 600_000);

test('hibernated and woken again', async () => {
  await hibernate(kube, ref, { timeoutMs: 180_000 });
  expect(await listInstances(kube, ref)).toEqual([]);
  expect(await listVolumes(kube, ref)).toHaveLength(6);
  await rehydrate(kube, ref, { timeoutMs: 300_000 });
  await waitForHealthy(kube, ref, { timeoutMs: 180_000 });
}, 700_000);

test('scaled down and up', async () => {
  await scaleCluster(kube, ref, 2);
  await waitForClusterReady(kube, ref, { timeoutMs: 180_000 });
  // The operator no longer counts an instance whose pod is still terminating.
  await expect.poll(() => listInstances(kube, ref), { timeout: 120_000, interval: 500 }).toHaveLength(2);
  await scaleCluster(kube, ref, 3);
  await waitForClusterReady(kube, ref, { timeoutMs: 300_000 });
  await waitForHealthy(kube, ref, { timeoutMs: 180_000 });
  await waitForSlots(kube, ref, { timeoutMs: 120_000 });
}, 800_000);
