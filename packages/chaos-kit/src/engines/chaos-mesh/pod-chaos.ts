import type { PodTarget } from '../../targets/target.ts';
import type { Action, PlanContext } from '../engine.ts';
import { applyChaos } from './apply-chaos.ts';
import { chaosMeshApiVersion, type ChaosObject } from './chaos-object.ts';
import { removeChaosStep } from './remove-chaos.ts';

// the controller answers within two reconciles; a busy lab took 0.3 s, a minute means that nobody is working
const injectLimitMs = 30_000;

/** What a PodChaos does. */
export interface PodChaosOptions {
  readonly action: 'pod-kill';
  readonly targets: readonly PodTarget[];
  /** Seconds between the delete and the kill. 0 removes the object at once; the kubelet kills after 2 s. */
  readonly gracePeriodSeconds: number;
}

/**
 * Kills pods through a PodChaos that names each pod exactly. It is one-shot: a duration would have no effect and the
 * object only has to be removed afterwards.
 */
export function podChaos(options: PodChaosOptions): Action {
  const names = options.targets.map((target) => `${target.namespace}/${target.name}`);
  return {
    summary: `PodChaos ${options.action} of ${names.join(', ')}, grace ${options.gracePeriodSeconds} s`,
    plan(context) {
      const object = podChaosObject(options, context);
      return {
        undo: [removeChaosStep(object, names)],
        async act(signal) {
          const { injectedAfterMs, status } = await applyChaos(context.kube, object, names, injectLimitMs, signal);
          return { object: `${object.metadata.namespace}/${object.metadata.name}`, injectedAfterMs, status };
        },
      };
    },
  };
}

/** The complete PodChaos. Nothing is left to Chaos Mesh's defaulting webhook, which may not be registered. */
export function podChaosObject(options: PodChaosOptions, context: PlanContext): ChaosObject {
  const pods: Record<string, string[]> = {};
  for (const target of options.targets) (pods[target.namespace] ??= []).push(target.name);
  return {
    apiVersion: chaosMeshApiVersion,
    kind: 'PodChaos',
    metadata: {
      name: context.faultId,
      namespace: context.chaosMesh.faultNamespace ?? context.cluster.namespace,
      labels: { ...context.labels },
    },
    spec: {
      action: options.action,
      mode: 'all',
      gracePeriod: options.gracePeriodSeconds,
      // `pods` alone decides; the namespaces are there because an empty list would mean all of them without the webhook
      selector: { namespaces: Object.keys(pods), pods },
    },
  };
}
