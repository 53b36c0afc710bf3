// CloudNativePG's tests/e2e/failover_test.go, line by line with the helpers of cnpg-utils alone.
import {
  compareLsn,
  deletePod,
  execOk,
  getCluster,
  labelledPrimary,
  listReplicas,
  parseLsn,
  POSTGRES_CONTAINER,
  waitFor,
  waitForHealthy,
  waitForNewTarget,
  waitForPrimaryChange,
} from '@cnpg-chaos/cnpg-utils';
import { expect, runsAtDepth, test } from '@cnpg-chaos/chaos-kit/vitest';
import { value } from './query.ts';

// Its level there is Medium.
test.skipIf(!runsAtDepth('medium'))(
  'the most advanced standby is promoted, not the first one',
  { tags: ['upstream'] },
  async ({ cluster: ref, onTestFinished }) => {
    const { kube, namespace } = ref;
    const primary = await labelledPrimary(kube, ref);
    const [behind, ahead] = await listReplicas(kube, ref);
    if (behind === undefined || ahead === undefined) throw new Error('two replicas are needed');

    const receiver = await value(
      kube,
      ref,
      behind,
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver'",
    );
    const signal = async (name: 'STOP' | 'CONT') => {
      const at = { namespace, pod: behind.pod.name, container: POSTGRES_CONTAINER };
      await execOk(kube, at, ['sh', '-c', `kill -${name} ${receiver}`]);
    };
    // For a test that fails in between: a stopped receiver would keep every later failover from being decided.
    onTestFinished(() => signal('CONT').catch(() => {}));
    await signal('STOP');

    // The backend that serves the standby would notice only after wal_sender_timeout.
    const sender = `SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_replication WHERE application_name = '${behind.name}'`;
    expect(await value(kube, ref, primary, sender)).toBe('true');
    await value(kube, ref, primary, 'SELECT pg_switch_wal()');
    await value(kube, ref, primary, "SELECT pg_create_restore_point('ahead')");
    const written = parseLsn(await value(kube, ref, primary, 'SELECT pg_current_wal_lsn()'));
    await waitFor(
      `${ahead.name} to replay what was written`,
      async (_signal, probe) => {
        const replayed = await value(kube, ref, ahead, 'SELECT pg_last_wal_replay_lsn()');
        probe.observe(replayed);
        return compareLsn(parseLsn(replayed), written) >= 0 ? true : undefined;
      },
      { timeoutMs: 30_000, intervalMs: 250 },
    );
    const received = parseLsn(await value(kube, ref, behind, 'SELECT pg_last_wal_receive_lsn()'));
    expect(compareLsn(received, written)).toBeLessThan(0);

    await deletePod(kube, { namespace, name: primary.pod.name }, { uid: primary.pod.uid, gracePeriodSeconds: 1 });
    await waitFor(
      'the operator to see the loss',
      async (abort, probe) => {
        const { status } = await getCluster(kube, ref, { signal: abort });
        probe.observe(`${status?.readyInstances ?? '?'} ready`);
        return status?.readyInstances === 2 ? true : undefined;
      },
      { timeoutMs: 60_000, intervalMs: 250 },
    );
    // The operator elects only when no WAL receiver is left.
    await signal('CONT');

    await expect(waitForNewTarget(kube, ref, { from: primary.name })).resolves.toBe(ahead.name);
    await expect(waitForPrimaryChange(kube, ref, { from: primary.name })).resolves.toMatchObject({ name: ahead.name });
    await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
  },
);
