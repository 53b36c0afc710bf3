import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterUnderTest } from '@cnpg-chaos/chaos-kit';
import { exec, POSTGRES_CONTAINER, probeWebhook, serviceEndpoints } from '@cnpg-chaos/cnpg-utils';
import { type Probe, timed } from './probes.ts';

// Kubernetes answers in a tenth of that when all is well.
const answerMs = 4_000;

/** A probe without sessions: what was opened before is the same as what is new. */
function sessionless(ask: () => Promise<{ works: boolean; what: string }>): Probe {
  return {
    look: async () => {
      const side = await timed(ask);
      return { before: side, fresh: side };
    },
    reopen: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The API server answers a read that needs etcd, within `withinMs`. */
export function apiProbe({ kube }: ClusterUnderTest, withinMs = answerMs): Probe {
  return sessionless(async () => {
    const startedAt = performance.now();
    await kube.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }, { timeoutMs: 2 * answerMs });
    const ms = Math.round(performance.now() - startedAt);
    return { works: ms <= withinMs, what: `${ms} ms` };
  });
}

/** The operator's webhook judges a Cluster. */
export function webhookProbe({ kube }: ClusterUnderTest): Probe {
  return sessionless(async () => {
    const { answers, problem = 'the webhook answers' } = await probeWebhook(kube);
    return { works: answers, what: problem };
  });
}

/** The kubelet of an instance's node carries out a command in its container. */
export function kubeletProbe({ kube, namespace }: ClusterUnderTest, instance: string): Probe {
  const target = { namespace, pod: instance, container: POSTGRES_CONTAINER };
  return sessionless(async () => {
    const { exitCode } = await exec(kube, target, ['true'], { timeoutMs: answerMs });
    return { works: exitCode === 0, what: `exit code ${exitCode}` };
  });
}

/** A new pod is given a node. It never runs: nobody has its image. */
export function schedulerProbe({ kube, namespace }: ClusterUnderTest): Probe {
  return sessionless(async () => {
    const ref = { apiVersion: 'v1', kind: 'Pod', namespace, name: 'contract-scheduler' };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: ref.name, namespace },
      spec: { containers: [{ name: 'none', image: 'contract.invalid/none:1' }] },
    };
    await kube.create(pod);
    try {
      return await within(async () => {
        const found = await kube.find<{ apiVersion: string; kind: string; spec?: { nodeName?: string } }>(ref);
        return found?.spec?.nodeName;
      });
    } finally {
      await kube.delete(ref, { gracePeriodSeconds: 0 });
    }
  });
}

/** A new Service gets its endpoints. */
export function controllerProbe({ kube, namespace, name }: ClusterUnderTest): Probe {
  return sessionless(async () => {
    const ref = { apiVersion: 'v1', kind: 'Service', namespace, name: 'contract-controllers' };
    const spec = { selector: { 'cnpg.io/cluster': name }, ports: [{ port: 5432 }] };
    await kube.create({ apiVersion: 'v1', kind: 'Service', metadata: { name: ref.name, namespace }, spec });
    try {
      return await within(async () => {
        const endpoints = await serviceEndpoints(kube, { namespace, name: ref.name });
        return endpoints.length > 0 ? `${endpoints.length} endpoints` : undefined;
      });
    } finally {
      await kube.delete(ref);
    }
  });
}

async function within(look: () => Promise<string | undefined>): Promise<{ works: boolean; what: string }> {
  const endMs = performance.now() + answerMs;
  while (performance.now() < endMs) {
    const what = await look();
    if (what !== undefined) return { works: true, what };
    await sleep(100);
  }
  return { works: false, what: `not within ${answerMs} ms` };
}
