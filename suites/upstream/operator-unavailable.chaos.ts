// CloudNativePG's tests/e2e/operator_unavailable_test.go, with the helpers of cnpg-utils alone.
import {
  deletePod,
  getCluster,
  labelledPrimary,
  listInstances,
  operatorStatus,
  scaleOperator,
  sleep,
  waitFor,
  waitForHealthy,
  waitForOperatorReady,
  waitForPodReplaced,
  waitForPrimaryChange,
} from '@cnpg-chaos/cnpg-utils';
import { describe, expect, runsAtDepth, test } from '@cnpg-chaos/chaos-kit/vitest';

// Its level there is Medium.
describe.skipIf(!runsAtDepth('medium'))('the primary is deleted', () => {
  test(
    'while there is no operator: nobody takes over; once it is back, somebody does',
    { tags: ['upstream', 'operator'] },
    async ({ cluster: ref, onTestFinished }) => {
      const { kube, namespace } = ref;
      const primary = await labelledPrimary(kube, ref);
      const pod = { namespace, name: primary.pod.name, uid: primary.pod.uid };
      const { replicas } = await operatorStatus(kube);
      onTestFinished(async () => {
        await scaleOperator(kube, replicas.wanted);
      });
      await scaleOperator(kube, 0);

      await deletePod(kube, pod, { uid: pod.uid, gracePeriodSeconds: 1 });
      await waitFor(
        'two instances',
        async (_signal, probe) => {
          const there = (await listInstances(kube, ref)).map(({ name }) => name);
          probe.observe(there.join(', '));
          return there.length === 2 ? true : undefined;
        },
        { timeoutMs: 30_000, intervalMs: 250 },
      );
      const untilMs = performance.now() + 10_000;
      while (performance.now() < untilMs) {
        expect((await listInstances(kube, ref)).filter(({ isPrimary }) => isPrimary)).toEqual([]);
        expect((await getCluster(kube, ref)).status?.targetPrimary).toBe(primary.name);
        await sleep(500);
      }

      await scaleOperator(kube, replicas.wanted);
      await waitForPrimaryChange(kube, ref, { from: primary.name });
      await waitForPodReplaced(kube, pod);
      await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
    },
  );

  test(
    'together with the operator: both come back, and somebody takes over',
    { tags: ['upstream', 'operator'] },
    async ({ cluster: ref }) => {
      const { kube, namespace } = ref;
      const primary = await labelledPrimary(kube, ref);
      const pod = { namespace, name: primary.pod.name, uid: primary.pod.uid };
      const operator = await operatorStatus(kube);
      await Promise.all([
        deletePod(kube, pod, { uid: pod.uid, gracePeriodSeconds: 1 }),
        ...operator.pods.map(({ name, uid }) =>
          deletePod(kube, { namespace: operator.namespace, name }, { uid, gracePeriodSeconds: 1 }),
        ),
      ]);
      await waitForPrimaryChange(kube, ref, { from: primary.name });
      await waitForOperatorReady(kube, { timeoutMs: 240_000 });
      await waitForPodReplaced(kube, pod);
      await waitForHealthy(kube, ref, { timeoutMs: 240_000 });
    },
  );
});
