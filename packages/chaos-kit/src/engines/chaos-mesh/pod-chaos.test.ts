import { expect, test } from 'vitest';
import { neverKube } from '../../../test/fakes/fake-engine.ts';
import type { PlanContext } from '../engine.ts';
import { podChaos, podChaosObject } from './pod-chaos.ts';
import { removeChaosCommand } from './remove-chaos.ts';

const targets = [
  { kind: 'pod', role: 'primary', namespace: 'team', name: 'pg-1', uid: 'u1' },
  { kind: 'pod', role: 'replica 0', namespace: 'team', name: 'pg-2', uid: 'u2' },
] as const;

const context: PlanContext = {
  kube: neverKube,
  cluster: { namespace: 'team', name: 'pg' },
  operatorNamespace: 'cnpg-system',
  ttlMs: 60_000,
  chaosMesh: { namespace: 'chaos-mesh' },
  faultId: 'primary-killed-1a2b3c4d',
  labels: { 'cnpg-chaos/run': 'r' },
};

test('the object is complete without any defaulting webhook', () => {
  expect(podChaosObject({ action: 'pod-kill', targets, gracePeriodSeconds: 0 }, context)).toEqual({
    apiVersion: 'chaos-mesh.org/v1alpha1',
    kind: 'PodChaos',
    metadata: { name: 'primary-killed-1a2b3c4d', namespace: 'team', labels: { 'cnpg-chaos/run': 'r' } },
    spec: {
      action: 'pod-kill',
      mode: 'all',
      gracePeriod: 0,
      selector: { namespaces: ['team'], pods: { team: ['pg-1', 'pg-2'] } },
    },
  });
});

test('it can be created elsewhere', () => {
  const elsewhere = { ...context, chaosMesh: { namespace: 'chaos-mesh', faultNamespace: 'faults' } };
  const object = podChaosObject({ action: 'pod-kill', targets, gracePeriodSeconds: 30 }, elsewhere);
  expect(object.metadata.namespace).toBe('faults');
  expect(object.spec).toMatchObject({ gracePeriod: 30, selector: { namespaces: ['team'] } });
});

test('its undo is plain data that names it, known before it exists', () => {
  const action = podChaos({ action: 'pod-kill', targets, gracePeriodSeconds: 0 });
  expect(action.summary).toBe('PodChaos pod-kill of team/pg-1, team/pg-2, grace 0 s');
  const { undo } = action.plan(context);
  expect(undo).toEqual([
    {
      kind: 'remove-chaos',
      data: { kind: 'PodChaos', namespace: 'team', name: 'primary-killed-1a2b3c4d', pods: ['team/pg-1', 'team/pg-2'] },
      limitMs: 120_000,
    },
  ]);
  expect(JSON.parse(JSON.stringify(undo))).toEqual(undo);
});

test('the command to type by hand names object and finalizers', () => {
  const [step] = podChaos({ action: 'pod-kill', targets, gracePeriodSeconds: 0 }).plan(context).undo;
  expect(removeChaosCommand(step ?? { data: {} })).toBe(
    'kubectl delete podchaos.chaos-mesh.org primary-killed-1a2b3c4d -n team --wait=false; ' +
      `kubectl patch podchaos.chaos-mesh.org primary-killed-1a2b3c4d -n team --type=merge -p '{"metadata":{"finalizers":[]}}'`,
  );
});

test('undo data that names nothing is refused', () => {
  expect(() => removeChaosCommand({ data: { kind: 'PodChaos' } })).toThrow(/lacks kind, namespace or name/);
});
