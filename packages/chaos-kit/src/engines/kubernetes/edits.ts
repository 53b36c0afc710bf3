import { ALL_INSTANCES, annotations, type Taint } from '@cnpg-chaos/cnpg-utils';
import type { ClusterTarget, DeploymentTarget, NodeTarget, ResolvedTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { editObject } from './object-edit.ts';

/** Asks a Deployment for another number of pods. Undone to the number that it had. */
export function scaleDeployment(target: DeploymentTarget, replicas: number): Action {
  const { namespace, name } = target;
  return editObject({
    summary: `scale deployment ${namespace}/${name} to ${replicas}`,
    target,
    changes: [{ set: ['spec', 'replicas'], to: replicas }],
    byHand: `kubectl -n ${namespace} scale deployment ${name} --replicas=1 # or as many as its annotation says`,
  });
}

/** Keeps new pods away from a node; the operator moves primaries away from it, too. */
export function cordonNode(target: NodeTarget): Action {
  return editObject({
    summary: `cordon node ${target.name}`,
    target,
    changes: [{ set: ['spec', 'unschedulable'], to: true }],
    byHand: `kubectl uncordon ${target.name}`,
  });
}

/** Adds a taint to a node. One that it has already is left alone. */
export function taintNode(target: NodeTarget, taint: Taint): Action {
  const { key, value, effect } = taint;
  return editObject({
    summary: `taint node ${target.name} with ${key}${value === undefined ? '' : `=${value}`}:${effect}`,
    target,
    changes: [{ taint }],
    byHand: `kubectl taint node ${target.name} ${key}:${effect}-`,
  });
}

/**
 * Fences instances: their PostgreSQL is stopped, their pods stay.
 *
 * @param instances their names; `['*']` for all
 */
export function fenceInstances(target: ClusterTarget, instances: readonly string[]): Action {
  const { namespace, name } = target;
  return editObject({
    summary: `fence ${instances.join(', ')} of cluster ${namespace}/${name}`,
    target,
    changes: instances.map((fence) => ({ fence })),
    byHand: instances
      .map(
        (instance) =>
          `kubectl cnpg -n ${namespace} fencing off ${name} ${instance === ALL_INSTANCES ? "'*'" : instance}`,
      )
      .join('; '),
  });
}

/** Hibernates a cluster: all its pods are deleted, its volumes stay. */
export function hibernateCluster(target: ClusterTarget): Action {
  return annotateObject(target, { [annotations.hibernation]: 'on' });
}

/** Sets annotations of an object; `null` removes one. Undone to what they were. */
export function annotateObject(target: ResolvedTarget, values: Readonly<Record<string, string | null>>): Action {
  const place = 'namespace' in target ? ` -n ${target.namespace}` : '';
  const names = Object.keys(values);
  return editObject({
    summary: `annotate ${target.kind} ${target.name}: ${Object.entries(values)
      .map(([name, value]) => `${name}=${value ?? '(removed)'}`)
      .join(', ')}`,
    target,
    changes: Object.entries(values).map(([name, to]) => ({ set: ['metadata', 'annotations', name], to })),
    byHand: `kubectl annotate ${target.kind}${place} ${target.name} ${names.map((name) => `${name}-`).join(' ')} # or as it was`,
  });
}
