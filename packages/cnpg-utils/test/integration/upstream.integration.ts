// Three failure tests of CloudNativePG's own suite, ported with nothing but these helpers. Upstream's names in brackets.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  buildCluster,
  compareLsn,
  currentPrimary,
  deletePod,
  execOk,
  findCluster,
  getCluster,
  labelledPrimary,
  listInstances,
  listReplicas,
  parseLsn,
  primaryLease,
  psqlRows,
  scaleOperator,
  setTargetPrimary,
  timeouts,
  waitFor,
  waitForHealthy,
  waitForNewTarget,
  waitForOperatorReady,
  waitForPodReplaced,
  waitForPrimaryChange,
  waitForPrimaryLease,
  type Instance,
} from '../../src/index.ts';
import { anyImage, labClient, namespace } from './lab.ts';

const kube = labClient();
const ref = { namespace, name: process.env['CNPG_UTILS_CLUSTER'] ?? 'port' };
const podOf = ({ pod }: Instance) => ({ namespace, name: pod.name, uid: pod.uid });

beforeAll(async () => {
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  if ((await findCluster(kube, ref)) === undefined) {
    const imageName = await anyImage(kube);
    const image = imageName === undefined ? {} : { imageName, imagePullPolicy: 'IfNotPresent' as const };
    const brisk = { stopDelay: 60, smartShutdownTimeout: 0, switchoverDelay: 30 };
    await kube.create(buildCluster(ref, { profile: 'sync', ...image, ...brisk, storage: { size: '512Mi' } }));
  }
  await waitForHealthy(kube, ref, { timeoutMs: 300_000 });
}, 330_000);

afterAll(async () => {
  await kube.close();
});

async function value(instance: Instance, sql: string): Promise<string> {
  const [row] = await psqlRows<{ value: string }>(kube, podOf(instance), `SELECT (${sql})::text AS value`);
  return row?.value ?? '';
}

test('the most advanced standby is promoted, not the first one [failover_test]', async () => {
  const primary = await labelledPrimary(kube, ref);
  const [behind, ahead] = await listReplicas(kube, ref);
  if (behind === undefined || ahead === undefined) throw new Error('two replicas are needed');
  const receiver = await value(behind, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver'");
  const signal = async (name: 'STOP' | 'CONT') => {
    await execOk(kube, { namespace, pod: behind.pod.name, container: 'postgres' }, [
      'sh',
      '-c',
      `kill -${name} ${receiver}`,
    ]);
  };
  await signal('STOP');
  try {
    const terminated = `SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_replication WHERE application_name = '${behind.name}'`;
    expect(await value(primary, terminated)).toBe('true');
    await value(primary, 'SELECT pg_switch_wal()');
    await value(primary, "SELECT pg_create_restore_point('ahead')");
    const written = parseLsn(await value(primary, 'SELECT pg_current_wal_lsn()'));
    await waitFor(
      `${ahead.name} to replay what was written`,
      async () =>
        compareLsn(parseLsn(await value(ahead, 'SELECT pg_last_wal_replay_lsn()')), written) >= 0 ? true : undefined,
      { timeoutMs: 30_000, intervalMs: 250 },
    );
    expect(compareLsn(parseLsn(await value(behind, 'SELECT pg_last_wal_receive_lsn()')), written)).toBeLessThan(0);
    await deletePod(kube, podOf(primary), { uid: primary.pod.uid, gracePeriodSeconds: 1 });
    await waitFor(
      'the operator to see the loss',
      async (abort) =>
        (await getCluster(kube, ref, { signal: abort })).status?.readyInstances === 2 ? true : undefined,
      { timeoutMs: 60_000, intervalMs: 250 },
    );
  } finally {
    await signal('CONT');
  }
  await expect(waitForNewTarget(kube, ref, { from: primary.name })).resolves.toBe(ahead.name);
  const promoted = await waitForPrimaryChange(kube, ref, { from: primary.name });
  expect(promoted.name).toBe(ahead.name);
  await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
}, 480_000);

test('the primary holds a lease that its successor takes over [primary_lease_test]', async () => {
  const primary = await currentPrimary(kube, ref);
  const lease = await primaryLease(kube, ref);
  expect(lease).toMatchObject({ holder: primary.pod.name, owners: [`Cluster/${ref.name}`], durationSeconds: 15 });
  const object = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...ref };
  await kube.delete(object, { preconditions: { uid: lease?.uid ?? '' } });
  const again = await waitForPrimaryLease(kube, ref, primary.pod.name, { timeoutMs: 60_000 });
  expect(again.uid).not.toBe(lease?.uid);
  expect((await currentPrimary(kube, ref)).pod.uid).toBe(primary.pod.uid);
  const [replica] = await listReplicas(kube, ref);
  if (replica === undefined) throw new Error('a replica is needed');
  await setTargetPrimary(kube, ref, replica.name, { uid: replica.pod.uid });
  await waitForPrimaryLease(kube, ref, replica.pod.name, { timeoutMs: timeouts.newPrimaryAfterSwitchover });
  await waitForPrimaryChange(kube, ref, { from: primary.name });
  await waitForHealthy(kube, ref, { timeoutMs: 180_000 });
}, 420_000);

// It stops the operator for everybody: only where nobody else uses it.
describe.skipIf(process.env['CNPG_UTILS_EXCLUSIVE'] !== '1')('with the operator to ourselves', () => {
  test('without an operator nobody takes over; once it is back, somebody does [operator_unavailable_test]', async () => {
    const primary = await labelledPrimary(kube, ref);
    await scaleOperator(kube, 0);
    try {
      await deletePod(kube, podOf(primary), { uid: primary.pod.uid, gracePeriodSeconds: 1 });
      await waitFor('two instances', async () => ((await listInstances(kube, ref)).length === 2 ? true : undefined), {
        timeoutMs: 30_000,
        intervalMs: 250,
      });
      const untilMs = performance.now() + 10_000;
      while (performance.now() < untilMs) {
        expect((await listInstances(kube, ref)).filter(({ isPrimary }) => isPrimary)).toEqual([]);
        expect((await getCluster(kube, ref)).status?.targetPrimary).toBe(primary.name);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    } finally {
      await scaleOperator(kube, 1);
    }
    await waitForPrimaryChange(kube, ref, { from: primary.name });
    await waitForPodReplaced(kube, podOf(primary));
    await waitForOperatorReady(kube);
    await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
  }, 480_000);
});
