import {
  chaosMeshEngine,
  type ClusterUnderTest,
  cpuStress,
  defineFault,
  dnsChaos,
  dnsNeeds,
  type EngineContext,
  ioChaos,
  ioLatency,
  ioNeeds,
  networkChaos,
  networkLatency,
  networkNeeds,
  packetLoss,
  podChaos,
  type Action,
  type PodTarget,
  replica,
  stressChaos,
  stressNeeds,
  timeChaos,
} from '@cnpg-chaos/chaos-kit';
import { describe, expect, test } from '@cnpg-chaos/chaos-kit/vitest';
import { InvalidError, type KubernetesObject } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';

const { signal } = new AbortController();

/** Every kind of fault object in every shape, for given pods. */
function shapes(primary: PodTarget, others: PodTarget[]): Record<string, Action> {
  const between = { source: [primary], target: others } as const;
  const volumePath = '/var/lib/postgresql/data';
  return {
    'pod-kill': podChaos({ action: 'pod-kill', targets: [primary], gracePeriodSeconds: 0 }),
    'container-kill': podChaos({ action: 'container-kill', targets: [primary], containerNames: ['postgres'] }),
    'pod-failure': podChaos({ action: 'pod-failure', targets: [primary] }),
    'partition both': networkChaos({ effect: { kind: 'partition' }, ...between, direction: 'both' }),
    'partition to': networkChaos({ effect: { kind: 'partition' }, ...between, direction: 'to' }),
    'partition from': networkChaos({ effect: { kind: 'partition' }, ...between, direction: 'from' }),
    'partition from everybody': networkChaos({ effect: { kind: 'partition' }, source: [primary], direction: 'both' }),
    'partition from addresses': networkChaos({
      effect: { kind: 'partition' },
      source: [primary],
      externalTargets: ['10.96.0.1', '172.31.0.0/24'],
      direction: 'both',
    }),
    delay: networkChaos({ effect: { kind: 'delay', latencyMs: 50, jitterMs: 5 }, ...between, direction: 'both' }),
    loss: networkChaos({ effect: { kind: 'loss', percent: 12.5 }, ...between, direction: 'to' }),
    duplicate: networkChaos({ effect: { kind: 'duplicate', percent: 5 }, ...between, direction: 'from' }),
    corrupt: networkChaos({ effect: { kind: 'corrupt', percent: 1 }, source: [primary], direction: 'to' }),
    bandwidth: networkChaos({ effect: { kind: 'bandwidth', bitsPerSecond: 1e7 }, source: [primary], direction: 'to' }),
    stress: stressChaos({
      targets: [primary],
      cpu: { workers: 1, load: 50 },
      memory: { workers: 1, bytes: 64 * 1024 * 1024 },
    }),
    'io latency': ioChaos({ targets: [primary], volumePath, effect: { kind: 'latency', delayMs: 10 } }),
    'io fault': ioChaos({ targets: [primary], volumePath, effect: { kind: 'fault', errno: 5 }, percent: 10 }),
    time: timeChaos({ targets: [primary], offsetMs: -60_000 }),
    dns: dnsChaos({ targets: [primary], action: 'error', patterns: ['pg-rw.*'] }),
  };
}

function contextOf(cluster: ClusterUnderTest): EngineContext {
  return {
    kube: cluster.kube,
    cluster: { namespace: cluster.namespace, name: cluster.name },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
  };
}

async function pods(cluster: ClusterUnderTest): Promise<[PodTarget, PodTarget[]]> {
  const context = { ...contextOf(cluster), seed: 1 };
  const [first, ...others] = await Promise.all(
    [0, 1].map(async (index) => (await replica(index).resolve(context, signal))[0]),
  );
  if (first === undefined) throw new Error('the cluster has no replica');
  return [first, others.filter((one) => one !== undefined)];
}

describe('fault objects of Chaos Mesh', () => {
  test.override('workload', 'none');

  test('are complete by its own schemas, in every shape', { tags: ['contract'] }, async ({ cluster, chaos }) => {
    const [one, others] = await pods(cluster);
    const accepted: string[] = [];
    for (const [shape, action] of Object.entries(shapes(one, others))) {
      const sent = await rendered(cluster, action);
      const kept = await cluster.kube.create(sent, { dryRun: true });
      // Nothing was filled in, and nothing was dropped as unknown.
      expect({ shape, spec: Reflect.get(kept, 'spec') as unknown }).toEqual({
        shape,
        spec: Reflect.get(sent, 'spec') as unknown,
      });
      accepted.push(shape);
    }
    const delay = await rendered(cluster, shapes(one, others)['delay']);
    const wrong = structuredClone(delay) as KubernetesObject & { spec: { delay: { latency: string } } };
    wrong.spec.delay.latency = '50';
    await expect(cluster.kube.create(wrong, { dryRun: true })).rejects.toThrow(InvalidError);
    console.log(`chaos-mesh: ${accepted.length} shapes are complete: ${accepted.join(', ')}; a wrong one is refused`);
    chaos.expectVerdict('inconclusive', 'nothing is broken here');
  });

  test(
    'that the nodes cannot do are refused beforehand, with the reason',
    { tags: ['contract'] },
    async ({ cluster, chaos }) => {
      const preflight = async (needs: readonly string[]) =>
        (await chaosMeshEngine.preflight(contextOf(cluster), signal, needs)).map(({ missing }) => missing);
      const needs = {
        partition: networkNeeds('partition', true),
        'delay without target': networkNeeds('delay', false),
        'delay with target': networkNeeds('delay', true),
        bandwidth: networkNeeds('bandwidth', false),
        stress: stressNeeds,
        io: ioNeeds,
        dns: dnsNeeds,
      };
      const found: Record<string, string[]> = {};
      for (const [what, list] of Object.entries(needs)) found[what] = await preflight(list);
      console.log(
        `chaos-mesh: ${Object.entries(found)
          .map(([what, missing]) => `${what}: ${missing.join('; ') || 'ready'}`)
          .join('\n  ')}`,
      );
      expect(found).toMatchObject({ partition: [], bandwidth: [] });
      expect(found['io']?.join()).toContain('is not allowed');
      // The same through the fixtures that need them.
      const engine = 'chaos-mesh';
      if (found['delay with target']?.length !== 0) {
        const slow = chaos.inject(networkLatency, { to: 'all-replicas', latency: '50ms', engine });
        await expect(slow).rejects.toThrow(
          /network-latency: no usable engine\s+engine "chaos-mesh": the kernel has no sch_/,
        );
        const lossy = chaos.inject(packetLoss, { to: 'all-replicas', percent: 10, engine });
        await expect(lossy).rejects.toThrow(
          /packet-loss: no usable engine\s+engine "chaos-mesh": the kernel has no sch_/,
        );
      }
      const io = chaos.inject(ioLatency, { latency: '50ms', engine });
      await expect(io).rejects.toThrow(/io-latency: no usable engine\s+engine "chaos-mesh": IOChaos tampers/);
      const stressed = chaos.inject(cpuStress, { engine });
      await expect(stressed).rejects.toThrow(
        /cpu-stress: engine "chaos-mesh" cannot do this fault \(what its stressors take/,
      );
      expect(await preflight(['eviction'])).toEqual(['it has no eviction']);
      chaos.expectVerdict('inconclusive', 'nothing is broken here');
    },
  );

  test('whose application fails go away all the same', { tags: ['contract'] }, async ({ cluster, chaos, skip }) => {
    const missing = await chaosMeshEngine.preflight(contextOf(cluster), signal, networkNeeds('delay', true));
    if (missing.length === 0) skip('the nodes can do it, so that it does not fail');
    await cluster.waitForHealthy();
    // Without its needs, so that nothing keeps it from being tried.
    const delayed = defineFault({
      name: 'delayed-in-vain',
      options: z.object({}),
      target: replica(0),
      engines: {
        'chaos-mesh': ({ targets }) =>
          networkChaos({
            effect: { kind: 'delay', latencyMs: 50 },
            source: targets.filter((target) => target.kind === 'pod'),
            direction: 'to',
          }),
      },
      evidence: {
        effect: () => Promise.resolve({ seen: false, what: 'it cannot take effect' }),
        healed: () => Promise.resolve({ seen: true, what: 'it never took effect' }),
      },
    });
    const startedAt = performance.now();
    await expect(chaos.inject(delayed, { engine: 'chaos-mesh' })).rejects.toThrow(
      /was not applied: .*lacks the queueing discipline/s,
    );
    const tookMs = performance.now() - startedAt;
    const undone = chaos.timeline.events.find(({ what }) => what.startsWith('undone:'))?.what ?? 'nothing was undone';
    expect(undone).toContain('finalizers patched away');
    expect(await chaos.leftovers()).toEqual({ found: [], blind: [] });
    const rules = await cluster.kube.list({
      apiVersion: 'chaos-mesh.org/v1alpha1',
      kind: 'PodNetworkChaos',
      namespace: cluster.namespace,
    });
    expect(rules.map(({ metadata }) => metadata?.name)).toEqual([]);
    await cluster.waitForHealthy();
    console.log(
      `chaos-mesh: a delay that cannot be applied is gone after ${Math.round(tookMs)} ms; ${undone}; nothing left`,
    );
    chaos.expectVerdict('inconclusive', 'the fault could not take effect');
  });
});

/** What an action would create. */
async function rendered(cluster: ClusterUnderTest, action: Action | undefined): Promise<KubernetesObject> {
  const created: KubernetesObject[] = [];
  const recording = {
    create: (object: KubernetesObject) => {
      created.push(object);
      return Promise.reject(new Error('only rendered'));
    },
  };
  const planned = action?.plan({
    ...contextOf(cluster),
    kube: recording as unknown as ClusterUnderTest['kube'],
    faultId: 'rendered-1a2b3c4d',
    labels: {},
    ttlMs: 60_000,
  });
  await planned?.act(signal).catch(() => {});
  const [object] = created;
  if (object === undefined) throw new Error(`${action?.summary ?? 'nothing'} created nothing`);
  return object;
}
