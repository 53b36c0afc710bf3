import { expect, test } from 'vitest';
import { defineChaosConfig } from '../config/chaos-config.ts';
import type { ResolvedTarget } from '../targets/target.ts';
import { assertWithinBlast, type Blast, BlastRadiusError } from './blast-radius.ts';

const pod = (name: string): ResolvedTarget => ({ kind: 'pod', role: 'x', namespace: 'n', name, uid: name });
const node = (name: string): ResolvedTarget => ({ kind: 'node', role: 'x', name, uid: name });
const { blast: limits } = defineChaosConfig({ blast: { pods: 2, nodes: 1 } });

const blast = (more: Partial<Blast>): Blast => ({
  fault: 'f',
  targets: [],
  controlPlane: false,
  alreadyHit: [],
  isLab: false,
  ...more,
});

test.each<[string, Partial<Blast>, string]>([
  [
    'three pods of one fault',
    { targets: ['a', 'b', 'c'].map(pod) },
    '3 pods would be hit at once, blast.pods in chaos.config.ts allows 2: pod n/a, pod n/b, pod n/c',
  ],
  ['pods of two faults', { targets: [pod('a')], alreadyHit: [pod('b'), pod('c')] }, '3 pods'],
  ['two nodes', { targets: [node('a')], alreadyHit: [node('b')] }, '2 nodes would be hit at once, blast.nodes'],
  [
    'the control plane of a cluster that is no lab',
    { controlPlane: true },
    'outside of the lab needs blast: { controlPlane: true }',
  ],
])('refuses %s', (_what, more, message) => {
  expect(() => assertWithinBlast(limits, blast(more))).toThrow(BlastRadiusError);
  expect(() => assertWithinBlast(limits, blast(more))).toThrow(message);
});

test('refuses the control plane of the lab when the configuration forbids it', () => {
  const { blast: strict } = defineChaosConfig({ blast: { controlPlane: false } });
  expect(() => assertWithinBlast(strict, blast({ controlPlane: true, isLab: true }))).toThrow('forbids');
});

test.each<[string, Partial<Blast>]>([
  ['what is hit twice, once', { targets: [pod('a'), pod('b')], alreadyHit: [pod('a'), pod('b'), node('a')] }],
  ['the control plane of the lab', { controlPlane: true, isLab: true }],
])('counts %s', (_what, more) => {
  expect(() => assertWithinBlast(limits, blast(more))).not.toThrow();
});
