// These change the operator for everybody: in the lab, or where somebody said so.
import type { KubernetesObject, V1Deployment } from '@kubernetes/client-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  buildCluster,
  configureOperator,
  installOperator,
  OPERATOR_CONFIG,
  operatorArchitectures,
  operatorChanges,
  operatorLeader,
  operatorStatus,
  operatorVersion,
  probeWebhook,
  restartOperator,
  scaleOperator,
  setWebhookNamespaceSelector,
  waitFor,
  waitForOperatorReady,
  WaitTimeoutError,
  type Manifest,
  type OperatorStatus,
} from '../../src/index.ts';
import { exclusive, labClient } from './lab.ts';

describe.skipIf(!exclusive)('the operator', () => {
  const kube = labClient();
  let before: OperatorStatus;

  beforeAll(async () => {
    before = await waitForOperatorReady(kube);
  });
  // Whatever a test left: others need it.
  afterEach(async () => {
    if ((await operatorStatus(kube)).replicas.wanted === before.replicas.wanted) await waitForOperatorReady(kube);
    else await scaleOperator(kube, before.replicas.wanted);
  }, 150_000);
  afterAll(async () => {
    await kube.close();
  });

  test('tells its version, its architectures and its leader', async () => {
    await expect(operatorVersion(kube)).resolves.toMatch(/^1\.\d+\.\d+/);
    const architectures = await operatorArchitectures(kube);
    expect(['amd64', 'arm64']).toEqual(expect.arrayContaining(architectures));
    expect(architectures.length).toBeGreaterThan(0);
    const leader = await operatorLeader(kube);
    expect(before.pods.map(({ name }) => name)).toContain(leader?.pod);
  });

  // CloudNativePG's suite takes the number of seconds for a number of attempts with growing pauses.
  test('the wait for it ends at its deadline, neither earlier nor much later', async () => {
    await scaleOperator(kube, 0);
    expect((await operatorStatus(kube)).pods).toEqual([]);
    const error: unknown = await waitForOperatorReady(kube, { timeoutMs: 3_000 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    const { elapsedMs, lastObserved } = error as WaitTimeoutError;
    expect(elapsedMs).toBeGreaterThanOrEqual(3_000);
    expect(elapsedMs).toBeLessThan(5_000);
    expect(lastObserved).toContain('is scaled to 0');
    await expect(probeWebhook(kube)).resolves.toMatchObject({ answers: false });
    const after = await scaleOperator(kube, before.replicas.wanted);
    expect(after.ready).toBe(true);
    await expect(probeWebhook(kube)).resolves.toEqual({ answers: true });
  }, 150_000);

  test('restarted, it is other pods', async () => {
    const then = await operatorStatus(kube);
    const now = await restartOperator(kube);
    expect(operatorChanges(then, now)).toEqual(then.pods.map(({ name }) => `operator pod ${name} was replaced`));
    expect(operatorChanges(now, now)).toEqual([]);
  }, 150_000);

  test('a webhook that fits no namespace lets an invalid cluster through to the other', async () => {
    const former = await setWebhookNamespaceSelector(kube, 'validating', { matchLabels: { 'cnpg-utils': 'nobody' } });
    try {
      await waitFor(
        'the validating webhook to be left out',
        async () => ((await probeWebhook(kube)).problem?.includes('not installed') === true ? true : undefined),
        { timeoutMs: 30_000, intervalMs: 250 },
      );
    } finally {
      await setWebhookNamespaceSelector(kube, 'validating', former);
    }
    await waitForOperatorReady(kube);
    const refused = buildCluster({ namespace: 'default', name: 'wrong' }, { profile: 'single' });
    refused.spec.storage.size = '';
    await expect(kube.create(refused, { dryRun: true })).rejects.toThrow('storage.size');
  }, 90_000);

  test('a setting is added to its own, and it starts again with it', async () => {
    const then = await operatorStatus(kube);
    const place = { apiVersion: 'v1', kind: 'ConfigMap', namespace: then.namespace, name: OPERATOR_CONFIG };
    const read = async () => (await kube.find<KubernetesObject & { data?: Record<string, string> }>(place))?.data ?? {};
    const data = await read();
    const now = await configureOperator(kube, { INHERITED_LABELS: 'cnpg-utils' });
    expect(operatorChanges(then, now)).toHaveLength(then.pods.length);
    await expect(read()).resolves.toEqual({ ...data, INHERITED_LABELS: 'cnpg-utils' });
    await configureOperator(kube, { INHERITED_LABELS: null });
    await expect(read()).resolves.toEqual(data);
  }, 240_000);

  test('an upgrade ends when only pods of the new shape are left', async () => {
    const then = await operatorStatus(kube);
    const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: then.namespace, name: then.deployment };
    const { spec } = await kube.get<V1Deployment>(ref);
    const annotations = (value: string | null) => ({
      template: { metadata: { annotations: { 'cnpg-utils': value } } },
    });
    const manifest: Manifest & { spec: object } = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { namespace: then.namespace, name: then.deployment },
      spec: {
        selector: spec?.selector,
        template: {
          metadata: { labels: spec?.template.metadata?.labels, annotations: { 'cnpg-utils': 'new' } },
          spec: {
            serviceAccountName: spec?.template.spec?.serviceAccountName,
            containers: spec?.template.spec?.containers.map(({ name, image }) => ({ name, image })),
          },
        },
      },
    };
    try {
      const now = await installOperator(kube, [manifest]);
      expect(now.ready).toBe(true);
      expect(operatorChanges(then, now)).toHaveLength(then.pods.length);
      expect(now.pods).toHaveLength(then.pods.length);
    } finally {
      await kube.patch(ref, { spec: annotations(null) });
    }
    await waitForOperatorReady(kube);
  }, 240_000);
});
