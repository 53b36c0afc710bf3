import type { PlanContext } from '../engine.ts';
import type { PodTarget } from '../../targets/target.ts';

/** A Chaos Mesh fault object, as far as it is read here. Its kinds have no status subresource. */
export interface ChaosObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
    uid?: string;
    deletionTimestamp?: Date;
  };
  spec: Record<string, unknown>;
  status?: ChaosStatus;
}

/** Status of a fault object. Conditions trail the records by one reconcile and have no time. */
export interface ChaosStatus {
  conditions?: { type: string; status: string; reason?: string }[];
  experiment?: {
    desiredPhase?: string;
    containerRecords?: ChaosRecord[];
  };
}

/** What happened to one target. */
export interface ChaosRecord {
  id: string;
  selectorKey: string;
  phase: string;
  injectedCount: number;
  recoveredCount: number;
  events?: { type: string; operation: string; message?: string; timestamp: string }[];
}

/** API version of every Chaos Mesh kind. */
export const chaosMeshApiVersion = 'chaos-mesh.org/v1alpha1';

/** Kinds of fault objects that the kit creates. */
export const faultKinds = ['PodChaos', 'NetworkChaos', 'IOChaos', 'StressChaos', 'TimeChaos', 'DNSChaos'] as const;

/** A kind of fault object. */
export type FaultKind = (typeof faultKinds)[number];

/** A fault object of the kit: named like its fault, and labelled. */
export function chaosObject(kind: FaultKind, context: PlanContext, spec: Record<string, unknown>): ChaosObject {
  return {
    apiVersion: chaosMeshApiVersion,
    kind,
    metadata: {
      name: context.faultId,
      namespace: context.chaosMesh.faultNamespace ?? context.cluster.namespace,
      labels: { ...context.labels },
    },
    spec,
  };
}

/**
 * The selector of exactly these pods. `pods` alone decides; the namespaces are there because without the defaulting
 * webhook an empty list would mean all of them.
 */
export function podSelection(targets: readonly PodTarget[]): {
  namespaces: string[];
  pods: Record<string, string[]>;
} {
  const pods: Record<string, string[]> = {};
  for (const target of targets) (pods[target.namespace] ??= []).push(target.name);
  return { namespaces: Object.keys(pods), pods };
}

/** `namespace/name` of each pod: the ids of records of pods. */
export function podNames(targets: readonly PodTarget[]): string[] {
  return targets.map(({ namespace, name }) => `${namespace}/${name}`);
}

/** `namespace/name/container` of each: the ids of records of containers. */
export function containerRecords(targets: readonly PodTarget[], containers: readonly string[]): string[] {
  return podNames(targets).flatMap((name) => containers.map((container) => `${name}/${container}`));
}

/**
 * How long the controller keeps the fault up, as a Go duration. It counts from the creation of the object, so this is the
 * time to live of the fault whoever is still alive then.
 */
export function durationOf({ ttlMs }: Pick<PlanContext, 'ttlMs'>): string {
  return `${Math.ceil(ttlMs)}ms`;
}
