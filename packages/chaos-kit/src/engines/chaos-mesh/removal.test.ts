import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ObjectStore } from '../../../test/fakes/object-store.ts';
import type { EngineContext } from '../engine.ts';
import { chaosMeshEngine } from './chaos-mesh-engine.ts';
import { leftoverObjects } from './leftover-objects.ts';
import { releasePod } from './pod-level.ts';
import { removeChaos } from './remove-chaos.ts';

const { signal } = new AbortController();
const group = '/apis/chaos-mesh.org/v1alpha1';
const chaosPath = `${group}/namespaces/team/networkchaos/f-1`;
const podPath = `${group}/namespaces/team/podnetworkchaos/pg-1`;
const entry = { data: { kind: 'NetworkChaos', namespace: 'team', name: 'f-1', pods: ['team/pg-1'] } };
const quick = { deleteMs: 300, forceMs: 300, patchMs: 300, settleMs: 300, silentMs: 300 };

let store: ObjectStore;
let context: EngineContext;
beforeEach(async () => {
  store = await ObjectStore.start();
  store.put(group, {
    resources: [
      'PodChaos',
      'NetworkChaos',
      'IOChaos',
      'StressChaos',
      'TimeChaos',
      'DNSChaos',
      'PodNetworkChaos',
      'PodIOChaos',
    ].map((kind) => ({ kind, name: kind.toLowerCase(), namespaced: true })),
  });
  context = {
    kube: store.kube,
    cluster: { namespace: 'team', name: 'pg' },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
  };
});
afterEach(() => store[Symbol.asyncDispose]());

function putChaos(more: Record<string, unknown> = {}) {
  store.put(chaosPath, {
    apiVersion: 'chaos-mesh.org/v1alpha1',
    kind: 'NetworkChaos',
    metadata: {
      namespace: 'team',
      name: 'f-1',
      finalizers: ['chaos-mesh/records'],
      labels: { 'app.kubernetes.io/managed-by': 'cnpg-chaos', 'cnpg-chaos/run': 'r1' },
      ...more,
    },
    spec: {},
    status: { experiment: { containerRecords: [{ id: 'team/pg-1' }] } },
  });
}

function putRules(sources: string[], status: Record<string, unknown> = {}) {
  store.put(podPath, {
    apiVersion: 'chaos-mesh.org/v1alpha1',
    kind: 'PodNetworkChaos',
    metadata: { namespace: 'team', name: 'pg-1', generation: 3 },
    spec: { iptables: sources.map((source) => ({ name: source, source })), tcs: sources.map((source) => ({ source })) },
    status: { observedGeneration: 3, ...status },
  });
}

/** A controller that never gets to its finalizers: deleting only marks the object, until they are patched away. */
function stickyFinalizers(untilForced = false) {
  store.intercept = (method, path) => {
    if (method === 'DELETE' && path === chaosPath) {
      putChaos({ deletionTimestamp: '2026-01-01T00:00:00Z' });
      return 202;
    }
    const object = store.at(chaosPath);
    const { finalizers, annotations } = (object?.metadata ?? {}) as { finalizers?: string[]; annotations?: object };
    const forced = untilForced && annotations !== undefined;
    if (object !== undefined && (finalizers?.length === 0 || forced)) store.drop(chaosPath);
    return undefined;
  };
}

describe('the ladder', () => {
  test('ends at the first rung that works', async () => {
    await expect(removeChaos(store.kube, entry, signal, quick)).resolves.toBe('was not there');
    putChaos();
    await expect(removeChaos(store.kube, entry, signal, quick)).resolves.toBe('deleted');
    putChaos();
    stickyFinalizers(true);
    await expect(removeChaos(store.kube, entry, signal, quick)).resolves.toBe('forced');
  });

  test('patches the finalizers away when nothing else helps, and takes the rules off the pod', async () => {
    putChaos();
    putRules(['team/f-1'], { failedMessage: 'Specified qdisc kind is unknown' });
    stickyFinalizers();
    await expect(removeChaos(store.kube, entry, signal, quick)).resolves.toBe('finalizers patched away');
    expect(store.at(chaosPath)).toBeUndefined();
    expect(store.at(podPath)).toBeUndefined();
  });

  test('says when even that does not help', async () => {
    putChaos();
    store.intercept = (method, path) => (method === 'DELETE' && path === chaosPath ? 202 : undefined);
    await expect(removeChaos(store.kube, entry, signal, quick)).rejects.toThrow(
      'NetworkChaos team/f-1 is still there after its finalizers were removed',
    );
  });
});

describe('rules on a pod', () => {
  test('of others stay', async () => {
    putRules(['team/f-1', 'team/other']);
    await expect(
      releasePod(store.kube, 'PodNetworkChaos', { namespace: 'team', name: 'pg-1' }, 'team/f-1', signal),
    ).resolves.toContain('those of others stay');
    expect(store.at(podPath)?.['spec']).toEqual({
      iptables: [{ name: 'team/other', source: 'team/other' }],
      tcs: [{ source: 'team/other' }],
    });
  });

  test('whose fault object is gone are a leftover, with an undo that removes them', async () => {
    putRules(['team/f-1']);
    const [found, ...more] = await leftoverObjects(context, signal);
    expect(more).toEqual([]);
    expect(found?.what).toBe('PodNetworkChaos team/pg-1 has rules of team/f-1, which is gone');
    if (found === undefined) return;
    await chaosMeshEngine.undo({ ...found.undo, id: 's', engine: 'chaos-mesh', faultId: 'sweep' }, context, signal);
    expect(store.at(podPath)).toBeUndefined();
    await expect(leftoverObjects(context, signal)).resolves.toEqual([]);
  });

  test('stay until the controller has taken them out of the pod: a list that is gone would leave them there for good', async () => {
    putRules(['team/f-1'], { observedGeneration: 2 });
    const pod = { namespace: 'team', name: 'pg-1' };
    const release = (silentMs: number) =>
      releasePod(store.kube, 'PodNetworkChaos', pod, 'team/f-1', signal, { settleMs: 100, silentMs });
    const podItself = '/api/v1/namespaces/team/pods/pg-1';
    store.put(podItself, { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'team', name: 'pg-1' } });
    await expect(release(300)).rejects.toThrow('the controller has not taken the rules out of the pod for 0 s');
    expect(store.at(podPath)?.['spec']).toEqual({ iptables: [], tcs: [] });
    const [found] = await leftoverObjects(context, signal);
    expect(found?.what).toBe('PodNetworkChaos team/pg-1 has no rules, and what is in the pod is not known yet');
    const later = release(5_000);
    putRules([], { observedGeneration: 3 });
    await expect(later).resolves.toBe('PodNetworkChaos team/pg-1: removed');
    await expect(leftoverObjects(context, signal)).resolves.toEqual([]);
    putRules(['team/f-1'], { observedGeneration: 2 });
    store.drop(podItself);
    await expect(release(5_000)).resolves.toBe('PodNetworkChaos team/pg-1: removed although its pod is gone');
  });

  test('whose fault object lives are not', async () => {
    putChaos();
    putRules(['team/f-1']);
    const found = await leftoverObjects(context, signal);
    expect(found.map(({ what, runId }) => [what, runId])).toEqual([['NetworkChaos team/f-1', 'r1']]);
  });
});

test('an object that only its finalizer keeps is a leftover that says so', async () => {
  putChaos({ deletionTimestamp: '2026-01-01T00:00:00Z' });
  const [found] = await leftoverObjects(context, signal);
  expect(found?.what).toBe('NetworkChaos team/f-1, deleted but kept by chaos-mesh/records');
});
