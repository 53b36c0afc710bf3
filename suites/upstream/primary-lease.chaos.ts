// CloudNativePG's tests/e2e/primary_lease_test.go, with the helpers of cnpg-utils alone.
import {
  currentPrimary,
  listReplicas,
  primaryLease,
  setTargetPrimary,
  timeouts,
  waitForHealthy,
  waitForPrimaryChange,
  waitForPrimaryLease,
} from '@cnpg-chaos/cnpg-utils';
import { expect, runsAtDepth, test } from '@cnpg-chaos/chaos-kit/vitest';

// Its level there is Medium.
test.skipIf(!runsAtDepth('medium'))(
  'the primary holds a lease: it takes a deleted one again, and its successor takes it over',
  { tags: ['upstream'] },
  async ({ cluster: ref }) => {
    const { kube, namespace, name } = ref;
    const primary = await currentPrimary(kube, ref);
    const lease = await primaryLease(kube, ref);
    expect(lease).toMatchObject({ holder: primary.pod.name, owners: [`Cluster/${name}`], durationSeconds: 15 });

    const object = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name };
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
  },
);
