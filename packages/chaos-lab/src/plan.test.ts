import { describe, expect, test } from 'vitest';
import type { LabContainer } from './docker.ts';
import { planNodes } from './plan.ts';
import { newRecord, type LabRecord } from './state-dir.ts';
import { topologyOf } from './topology.ts';

const topology = topologyOf('cnpg-chaos', 0);
const keys = Object.fromEntries(topology.nodes.map(({ name }) => [name, 'new']));

function container(node: string, change: Partial<LabContainer> = {}): LabContainer {
  const name = `cnpg-chaos-${node}`;
  return {
    id: `id-${node}`,
    name,
    lab: 'cnpg-chaos',
    nodeKey: 'new',
    image: 'node',
    running: true,
    responsive: true,
    ...change,
  };
}

function record(nodes: string[] = topology.nodes.map(({ name }) => name)): LabRecord {
  return {
    ...newRecord('cnpg-chaos'),
    nodes: Object.fromEntries(nodes.map((name) => [name, { containerId: `id-${name}`, key: 'new' }])),
  };
}

const all = topology.nodes.map(({ name }) => container(name));
const but = (node: string, change: Partial<LabContainer>): LabContainer[] =>
  topology.nodes.map(({ name }) => container(name, name === node ? change : {}));

describe('a plan', () => {
  test('for nothing there makes everything', () => {
    const plan = planNodes({ topology, containers: [], record: undefined, keys });
    expect(plan).toMatchObject({ create: ['control-plane', 'w1', 'w2', 'w3'], remove: [], fresh: true });
  });

  test('for a running lab changes nothing', () => {
    const plan = planNodes({ topology, containers: all, record: record(), keys });
    expect(plan).toEqual({
      remove: [],
      create: [],
      start: [],
      unpause: [],
      keep: ['control-plane', 'w1', 'w2', 'w3'],
      fresh: false,
    });
  });

  test('starts a stopped node and wakes a paused one', () => {
    const stopped = planNodes({
      topology,
      containers: but('w3', { running: false, responsive: false }),
      record: record(),
      keys,
    });
    expect(stopped).toMatchObject({ start: ['w3'], unpause: [], create: [], remove: [] });
    const paused = planNodes({ topology, containers: but('w1', { responsive: false }), record: record(), keys });
    expect(paused).toMatchObject({ start: [], unpause: ['w1'], create: [], remove: [] });
  });

  test('makes a lost worker anew and keeps the others', () => {
    const plan = planNodes({
      topology,
      containers: all.filter(({ name }) => !name.endsWith('w2')),
      record: record(),
      keys,
    });
    expect(plan).toMatchObject({ create: ['w2'], remove: [], keep: ['control-plane', 'w1', 'w3'], fresh: false });
  });

  test('makes half a worker anew', () => {
    const plan = planNodes({ topology, containers: all, record: record(['control-plane', 'w1', 'w2']), keys });
    expect(plan).toMatchObject({
      create: ['w3'],
      remove: [{ container: 'cnpg-chaos-w3', reason: 'was left incomplete' }],
      fresh: false,
    });
  });

  test('does not take a container for complete because another of its name once was', () => {
    const plan = planNodes({ topology, containers: but('w1', { id: 'other' }), record: record(), keys });
    expect(plan.create).toEqual(['w1']);
  });

  test('makes everything anew when the control plane is gone or incomplete', () => {
    const gone = planNodes({ topology, containers: all.slice(1), record: record(), keys });
    expect(gone).toMatchObject({ fresh: true, create: ['control-plane', 'w1', 'w2', 'w3'] });
    expect(gone.remove).toHaveLength(3);
    const half = planNodes({ topology, containers: all, record: record(['w1', 'w2', 'w3']), keys });
    expect(half).toMatchObject({ fresh: true });
    expect(half.remove).toHaveLength(4);
  });

  test('makes everything anew when a node is made of other parts, and names it', () => {
    const plan = planNodes({ topology, containers: but('w2', { nodeKey: 'old' }), record: record(), keys });
    expect(plan.fresh).toBe(true);
    expect(plan.remove.map(({ reason }) => reason)).toContain('made of other parts (w2)');
  });

  test('removes a container that is no node of this lab', () => {
    const plan = planNodes({ topology, containers: [...all, container('w9')], record: record(), keys });
    expect(plan.remove).toEqual([{ container: 'cnpg-chaos-w9', reason: 'not a node of this lab' }]);
    expect(plan.keep).toHaveLength(4);
  });
});
