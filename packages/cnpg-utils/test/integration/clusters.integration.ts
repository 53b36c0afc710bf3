import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  appCredentials,
  closeClient,
  connect,
  ConnectError,
  currentPrimary,
  deletePod,
  exec,
  fence,
  fileExists,
  getCluster,
  killPostmaster,
  listInstances,
  listReplicas,
  listVolumes,
  openForward,
  phases,
  POSTGRES_CONTAINER,
  PsqlError,
  psqlRows,
  replicationFacts,
  runOnVolume,
  sleep,
  unfence,
  VolumeCommandError,
  waitFor,
  waitForHealthy,
  waitForPhase,
  WAL_VOLUME,
} from '../../src/index.ts';
import { ensureSharedCluster, labClient, namespace, ref } from './lab.ts';

const kube = labClient();

beforeAll(() => ensureSharedCluster(kube), 330_000);

afterAll(async () => {
  await kube.close();
});

async function clientOf(host: string, port: number, cluster = ref) {
  const { user, password, database, ca, serverName } = await appCredentials(kube, cluster);
  const login = { user, password, database, ca, serverName, sslmode: 'verify-full' as const };
  return await connect({ host, port, ...login, applicationName: 'cnpg-utils tests' });
}

describe('a forward', () => {
  test('leads to PostgreSQL, carries much data, and ends with the container by an error', async () => {
    const primary = await currentPrimary(kube, ref);
    const { name, uid } = primary.pod;
    await using forward = await openForward(kube, { namespace, pod: name, uid, port: 5432 });
    const client = await clientOf(forward.host, forward.port);
    let lost: Error | undefined;
    client.on('error', (error) => (lost = error));
    const { rows } = await client.query<{ text: string }>("SELECT repeat('x', 5000000) AS text");
    expect(rows[0]?.text).toHaveLength(5_000_000);
    const waiting = client.query('SELECT pg_sleep(60)').then(
      () => 'slept on',
      () => 'ended',
    );
    await sleep(200);
    await killPostmaster(kube, { namespace, name, uid });
    await expect(waiting).resolves.toBe('ended');
    await closeClient(client);
    console.log(`${String(lost)}; ${forward.failures.map(String).join('; ')}`);
    await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
    // The pod is the same: the forward still leads to it.
    const again = await clientOf(forward.host, forward.port);
    await expect(again.query('SELECT 1 AS one')).resolves.toMatchObject({ rows: [{ one: 1 }] });
    await closeClient(again);
  }, 330_000);

  test('to a pod that was replaced leads nowhere', async () => {
    const primary = await currentPrimary(kube, ref);
    const replica = (await listInstances(kube, ref)).find((instance) => instance.name !== primary.name);
    if (replica === undefined) throw new Error('a replica is needed');
    const { name, uid } = replica.pod;
    await using forward = await openForward(kube, { namespace, pod: name, port: 5432 });
    await deletePod(kube, { namespace, name }, { uid, gracePeriodSeconds: 1 });
    await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
    await expect(clientOf(forward.host, forward.port)).rejects.toBeInstanceOf(ConnectError);
    expect(String(forward.failures.at(-1))).toContain(`not ${uid}`);
  }, 300_000);
});

// CountReplicas of CloudNativePG's suite says 0 and no error for an instance that does not answer.
test('an instance without PostgreSQL does not count 0 standbys: it is an error', async () => {
  const [replica] = await listReplicas(kube, ref);
  if (replica === undefined) throw new Error('a replica is needed');
  await fence(kube, ref, replica.name);
  try {
    const stopped = await waitFor(
      'the fenced instance to be down',
      async () =>
        await replicationFacts(kube, ref, replica).then(
          () => undefined,
          (error: unknown) => error,
        ),
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    expect(stopped).toBeInstanceOf(PsqlError);
    const primary = await currentPrimary(kube, ref);
    await waitFor(
      'one standby to be left',
      async () => {
        const { standbys } = await replicationFacts(kube, ref, primary);
        return standbys.length === 1 ? true : undefined;
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
  } finally {
    await unfence(kube, ref, replica.name);
  }
  await waitForHealthy(kube, ref, { timeoutMs: 180_000 });
}, 320_000);

// CloudNativePG's own suite leaves this test out wherever volumes share the node's disk: in all of its regular runs.
test('a full WAL volume: the phase says so, nobody takes over, and room heals it', async () => {
  const primary = await currentPrimary(kube, ref);
  const { name, uid } = primary.pod;
  const at = { namespace, pod: name, container: POSTGRES_CONTAINER };
  const volume = (await listVolumes(kube, ref, { instance: primary.name })).find(({ role }) => role === 'PG_WAL');
  const image = (await getCluster(kube, ref)).status?.image ?? '';
  if (volume === undefined) throw new Error('a WAL volume is needed');
  const claim = { namespace, name: volume.name };
  const balloon = ['dd', 'if=/dev/zero', `of=${WAL_VOLUME}/balloon`, 'bs=1M'];
  expect((await exec(kube, at, balloon, { timeoutMs: 60_000 })).stderr).toContain('No space left');
  try {
    const end = performance.now() + 60_000;
    while (performance.now() < end) {
      // Recycled segments are used up first.
      const sql = "SELECT pg_create_restore_point('full'), pg_switch_wal()";
      if (
        !(await psqlRows(kube, { namespace, name }, sql).then(
          () => true,
          () => false,
        ))
      )
        break;
    }
    await waitForPhase(kube, ref, phases.notEnoughDiskSpace, { timeoutMs: 60_000 });
    const until = performance.now() + 10_000;
    while (performance.now() < until) {
      const { currentPrimary: current, targetPrimary } = (await getCluster(kube, ref)).status ?? {};
      expect({ current, targetPrimary }).toEqual({ current: primary.name, targetPrimary: primary.name });
      await sleep(1_000);
    }
    await expect(runOnVolume(kube, claim, ['ls', '/volume/none'], { image })).rejects.toBeInstanceOf(
      VolumeCommandError,
    );
  } finally {
    const left = await runOnVolume(kube, claim, ['sh', '-c', 'rm -v /volume/balloon'], { image });
    expect(left).toContain('balloon');
  }
  await waitForHealthy(kube, ref, { timeoutMs: 330_000 });
  const now = await currentPrimary(kube, ref);
  expect({ name: now.name, uid: now.pod.uid }).toEqual({ name: primary.name, uid });
  await expect(fileExists(kube, at, `${WAL_VOLUME}/balloon`)).resolves.toBe(false);
}, 480_000);
