import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ObjectStore } from '../../../test/fakes/object-store.ts';
import { TargetChangedError } from '../../targets/target.ts';
import type { Action, PlanContext, UndoEntry } from '../engine.ts';
import { cordonNode, fenceInstances, scaleDeployment, taintNode } from './edits.ts';
import { kubernetesEngine } from './kubernetes-engine.ts';
import { leftoverEdits } from './object-edit.ts';

const { signal } = new AbortController();
const nodePath = '/api/v1/nodes/w1';
const deploymentPath = '/apis/apps/v1/namespaces/cnpg-system/deployments/operator';
const clusterPath = '/apis/postgresql.cnpg.io/v1/namespaces/team/clusters/pg';
const node = { kind: 'node', role: 'node of primary', name: 'w1', uid: 'n1' } as const;
const deployment = {
  kind: 'deployment',
  role: 'operator',
  namespace: 'cnpg-system',
  name: 'operator',
  uid: 'd1',
} as const;
const cluster = { kind: 'cluster', role: 'cluster', namespace: 'team', name: 'pg', uid: 'c1' } as const;
const fencedKey = 'cnpg.io/fencedInstances';

let store: ObjectStore;
beforeEach(async () => {
  store = await ObjectStore.start();
  store.put(nodePath, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'w1', uid: 'n1' }, spec: { podCIDR: 'x' } });
  store.put(deploymentPath, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'cnpg-system', name: 'operator', uid: 'd1', annotations: { other: 'kept' } },
    spec: { replicas: 2 },
  });
  store.put(clusterPath, {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: { namespace: 'team', name: 'pg', uid: 'c1' },
    spec: { instances: 3 },
  });
});
afterEach(() => store[Symbol.asyncDispose]());

function context(faultId = 'f-1'): PlanContext {
  return {
    kube: store.kube,
    cluster: { namespace: 'team', name: 'pg' },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
    faultId,
    labels: { 'cnpg-chaos/run': 'r1' },
    ttlMs: 60_000,
  };
}

/** Acts, and gives the undo as another process would have it: from the journal. */
async function act(action: Action, faultId?: string): Promise<UndoEntry> {
  const planned = action.plan(context(faultId));
  const step = JSON.parse(JSON.stringify(planned.undo[0])) as UndoEntry;
  await planned.act(signal);
  return { ...step, id: 'e', engine: 'kubernetes', faultId: 'from-a-journal' };
}

const undo = (entry: UndoEntry) => kubernetesEngine.undo(entry, context(), signal);

describe('an edit', () => {
  test('says on the object how it was, and is taken back by that alone', async () => {
    const entry = await act(scaleDeployment(deployment, 0));
    const changed = store.at(deploymentPath);
    expect(changed).toMatchObject({ spec: { replicas: 0 } });
    const annotations = changed?.metadata['annotations'] as Record<string, string>;
    expect(JSON.parse(annotations['edit.cnpg-chaos/f-1'] ?? '')).toEqual({
      run: 'r1',
      until: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      undo: [{ set: ['spec', 'replicas'], from: 2, to: 0 }],
    });
    await expect(undo(entry)).resolves.toBe('Deployment cnpg-system/operator: spec.replicas is 2 again');
    expect(store.at(deploymentPath)).toMatchObject({
      spec: { replicas: 2 },
      metadata: { annotations: { other: 'kept' } },
    });
    expect(store.at(deploymentPath)?.metadata['annotations']).toEqual({ other: 'kept' });
  });

  test('is one write', async () => {
    await act(cordonNode(node));
    expect(store.requests.map(({ what }) => what)).toEqual([`GET ${nodePath}`, `PATCH ${nodePath}`]);
  });

  test('can be undone twice, and without having happened', async () => {
    const entry = await act(cordonNode(node));
    await undo(entry);
    expect(store.at(nodePath)?.['spec']).toEqual({ podCIDR: 'x' });
    await expect(undo(entry)).resolves.toBe('Node w1 does not carry this edit');
  });

  test('is not written onto another object of that name', async () => {
    await expect(act(cordonNode({ ...node, uid: 'other' }))).rejects.toThrow(TargetChangedError);
    expect(store.at(nodePath)?.['spec']).toEqual({ podCIDR: 'x' });
  });

  test('is written again when somebody else wrote meanwhile', async () => {
    let others = 2;
    store.intercept = (method) => {
      if (method === 'PATCH' && others-- > 0) store.put(nodePath, { ...store.at(nodePath), spec: { podCIDR: 'y' } });
      return undefined;
    };
    await act(cordonNode(node));
    expect(store.at(nodePath)?.['spec']).toEqual({ podCIDR: 'y', unschedulable: true });
  });

  test('does not overwrite what somebody else made of it', async () => {
    const entry = await act(scaleDeployment(deployment, 0));
    store.put(deploymentPath, { ...store.at(deploymentPath), spec: { replicas: 5 } });
    await expect(undo(entry)).resolves.toContain('spec.replicas is 5 meanwhile and stays');
    expect(store.at(deploymentPath)).toMatchObject({ spec: { replicas: 5 } });
  });

  test('of a node that is gone is nothing to undo', async () => {
    const entry = await act(cordonNode(node));
    await store.kube.delete({ apiVersion: 'v1', kind: 'Node', name: 'w1' });
    await expect(undo(entry)).resolves.toBe('Node w1 is gone');
  });
});

describe('two edits of one object', () => {
  test('are taken back in any order', async () => {
    const first = await act(fenceInstances(cluster, ['pg-2']), 'f-1');
    const second = await act(fenceInstances(cluster, ['pg-1', 'pg-3']), 'f-2');
    expect(store.at(clusterPath)).toMatchObject({
      metadata: { annotations: { [fencedKey]: '["pg-1","pg-2","pg-3"]' } },
    });
    await undo(first);
    expect(store.at(clusterPath)).toMatchObject({ metadata: { annotations: { [fencedKey]: '["pg-1","pg-3"]' } } });
    await undo(second);
    expect(store.at(clusterPath)?.metadata['annotations']).toEqual({});
  });

  test('leave a taint alone that was there before', async () => {
    const taint = { key: 'k', effect: 'NoSchedule' } as const;
    const first = await act(taintNode(node, taint), 'f-1');
    const second = await act(taintNode(node, { ...taint, value: 'v' }), 'f-2');
    await undo(second);
    expect(store.at(nodePath)).toMatchObject({ spec: { taints: [taint] } });
    await undo(first);
    expect(store.at(nodePath)?.['spec']).toEqual({ podCIDR: 'x', taints: [] });
  });
});

describe('leftovers', () => {
  test('are found on the objects, with run and undo, and gone after it', async () => {
    await act(cordonNode(node), 'f-1');
    await act(taintNode(node, { key: 'k', effect: 'NoExecute' }), 'f-2');
    await act(scaleDeployment(deployment, 0), 'f-3');
    await act(fenceInstances(cluster, ['*']), 'f-4');
    const found = await leftoverEdits(context(), signal);
    expect(found.map(({ what }) => what)).toEqual([
      'Node w1 was edited by f-1; to undo: spec.unschedulable = null',
      'Node w1 was edited by f-2; to undo: remove taint k:NoExecute',
      'Deployment cnpg-system/operator was edited by f-3; to undo: spec.replicas = 2',
      'Cluster team/pg was edited by f-4; to undo: unfence *',
    ]);
    expect(found.map(({ runId }) => runId)).toEqual(['r1', 'r1', 'r1', 'r1']);
    for (const leftover of found) {
      await undo({ ...leftover.undo, id: 's', engine: 'kubernetes', faultId: 'sweep' });
    }
    await expect(leftoverEdits(context(), signal)).resolves.toEqual([]);
    expect(store.at(nodePath)?.['spec']).toEqual({ podCIDR: 'x', taints: [] });
  });

  test('that nobody can read are an error, not nothing', async () => {
    store.put(nodePath, {
      ...store.at(nodePath),
      metadata: { name: 'w1', annotations: { 'edit.cnpg-chaos/f-1': 'no' } },
    });
    await expect(leftoverEdits(context(), signal)).rejects.toThrow(
      'Node w1: annotation edit.cnpg-chaos/… cannot be read: no',
    );
  });
});

test('the command to type by hand undoes it and removes the annotation', () => {
  const [step] = cordonNode(node).plan(context()).undo;
  expect(
    kubernetesEngine.manualCommand({
      ...(step ?? { kind: '', data: {} }),
      id: 'e',
      engine: 'kubernetes',
      faultId: 'f',
    }),
  ).toBe('kubectl uncordon w1; kubectl annotate node w1 edit.cnpg-chaos/f-1-');
});
