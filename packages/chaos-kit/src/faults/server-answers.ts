import { findPodByUid, type KubeClient, ports } from '@cnpg-chaos/cnpg-utils';
import { agentPods } from '../engines/agent/agent-pods.ts';
import { type ConnectResult, probeConnect } from '../engines/agent/probe.ts';
import { EngineError } from '../engines/engine-error.ts';
import { describeTarget, type PodTarget } from '../targets/target.ts';
import type { Observation } from './observation.ts';

const answerTimeoutMs = 2_000;

/** Asks the PostgreSQL server of a pod, from another pod, whether it speaks TLS. Undefined: the pod is gone. */
async function ask(kube: KubeClient, target: PodTarget, signal: AbortSignal): Promise<ConnectResult | undefined> {
  const pod = await findPodByUid(kube, target, { signal });
  if (pod === undefined || pod.metadata?.deletionTimestamp !== undefined) return undefined;
  const address = pod.status?.podIP;
  const asker = (await agentPods(kube, signal)).find(({ ready }) => ready);
  if (asker?.ip === undefined || address === undefined) throw new EngineError('agent', 'there is nobody to ask from');
  const from = { node: asker.node, pod: 'self', ip: asker.ip, name: asker.name };
  return probeConnect(
    kube,
    from,
    { address, port: ports.postgres },
    { timeoutMs: answerTimeoutMs, greet: true, signal },
  );
}

/** The server accepts connections, because its kernel does, and says nothing. */
export async function serverSilent(kube: KubeClient, target: PodTarget, signal: AbortSignal): Promise<Observation> {
  const result = await ask(kube, target, signal);
  if (result === undefined) return { seen: false, what: `${describeTarget(target)} is gone` };
  return { seen: result.outcome === 'silent', what: `${describeTarget(target)}: ${sayConnect(result)}` };
}

/** The server answers, or its pod is gone, which ends what was done to it. */
export async function serverAnswers(kube: KubeClient, target: PodTarget, signal: AbortSignal): Promise<Observation> {
  const result = await ask(kube, target, signal);
  if (result === undefined) return { seen: true, what: `${describeTarget(target)} is gone, and the fault with it` };
  return { seen: result.outcome === 'answered', what: `${describeTarget(target)}: ${sayConnect(result)}` };
}

/** How an attempt to connect ended, in words. */
export function sayConnect({ outcome, afterMs, why }: ConnectResult): string {
  switch (outcome) {
    case 'answered':
      return `port ${ports.postgres} answered after ${afterMs?.toFixed(1)} ms`;
    case 'connected':
      return `port ${ports.postgres} accepted after ${afterMs?.toFixed(1)} ms`;
    case 'silent':
      return `port ${ports.postgres} accepted and did not answer within ${answerTimeoutMs / 1000} s`;
    case 'timeout':
      return `port ${ports.postgres} did not accept within ${answerTimeoutMs / 1000} s`;
    case 'refused':
      return `port ${ports.postgres} refused: ${why}`;
  }
}

/** All of them were seen. */
export function everyOne(observations: readonly Observation[]): Observation {
  return { seen: observations.every(({ seen }) => seen), what: observations.map(({ what }) => what).join('; ') };
}
