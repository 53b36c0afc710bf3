import { describe, expect, test } from 'vitest';
import { fakeEngine, fakeEngines, neverKube } from '../fakes/fake-engine.ts';
import { ObjectStore } from '../fakes/object-store.ts';
import { kubernetesEngine } from '../../src/engines/kubernetes/kubernetes-engine.ts';
import { defaultEngines } from '../../src/engines/registry.ts';
import { selectEngine } from '../../src/engines/select-engine.ts';
import { prepareFault } from '../../src/experiment/prepare-fault.ts';
import { TargetError } from '../../src/targets/target.ts';
import type { PodTarget, VolumeTarget } from '../../src/targets/target.ts';
import { type Fault, FaultOptionsError, parseFaultOptions, selectorOf } from '../../src/faults/fault.ts';
import {
  clockSkewed,
  connectionsExhausted,
  containerKilled,
  fencing,
  instanceKilled,
  nodeDrained,
  operatorDown,
  replayPaused,
  switchover,
  volumeDeleted,
} from '../../src/faults/index.ts';

const { signal } = new AbortController();
const context = {
  kube: neverKube,
  cluster: { namespace: 'team', name: 'pg' },
  operatorNamespace: 'cnpg-system',
  chaosMesh: { namespace: 'chaos-mesh' },
};
const pod = (name: string): PodTarget => ({ kind: 'pod', role: name, namespace: 'team', name, uid: name });

describe('options that make no sense are refused with field, value and what would be right', () => {
  const rows: [Fault, Record<string, unknown>, string][] = [
    [instanceKilled, { target: 'master' }, 'target: got "master", expected one of primary, sync-standby'],
    [instanceKilled, { target: { replica: -1 } }, 'target'],
    [instanceKilled, { by: 'magic' }, 'by: got "magic", expected one of deletion, eviction'],
    [instanceKilled, { gracePeriodSeconds: 1.5 }, 'gracePeriodSeconds: got 1.5, expected a whole number of seconds'],
    [instanceKilled, { grace: 1 }, 'grace: no such option'],
    [containerKilled, { container: '' }, 'container: got "", expected the name of a container'],
    [clockSkewed, { offset: '90' }, 'offset: got "90", expected a duration other than 0'],
    [clockSkewed, { offset: '0s' }, 'offset: got "0s", expected a duration other than 0'],
    [clockSkewed, {}, 'offset: got nothing, expected a duration other than 0'],
    [operatorDown, { mode: 'stop' }, 'mode: got "stop", expected one of scale, kill'],
    [nodeDrained, { within: '30' }, 'within: got "30", expected a duration such as "30s"'],
    [nodeDrained, { within: '-3s' }, 'within: got "-3s", expected a duration such as "30s"'],
    [nodeDrained, { pods: 'some' }, 'pods: got "some", expected one of cluster, all'],
    [nodeDrained, { node: 'w1' }, 'node: got "w1", expected { nodeOf: "primary" }'],
    [switchover, { to: 7 }, 'to: got 7, expected one of primary'],
    [fencing, { target: [] }, 'target'],
    [replayPaused, { ttl: '60' }, 'ttl: got "60", expected a duration such as "30s"'],
    [connectionsExhausted, { keep: 3 }, 'keep: no such option'],
    [volumeDeleted, { engine: 'hammer' }, 'engine: got "hammer", expected one of auto, kubernetes, chaos-mesh'],
  ];

  test.each(rows.map(([fault, options, message]) => [fault.name, options, message, fault] as const))(
    '%s %j',
    (_name, options, message, fault) => {
      expect(() => parseFaultOptions(fault, options)).toThrow(FaultOptionsError);
      expect(() => parseFaultOptions(fault, options)).toThrow(message);
    },
  );
});

describe('an engine that cannot', () => {
  test.each<[Fault, string]>([
    [
      operatorDown,
      'operator-down: engine "chaos-mesh" cannot do this fault (it has no fault that keeps a Deployment down)',
    ],
    [replayPaused, 'replay-paused: engine "chaos-mesh" cannot do this fault (it does not speak to PostgreSQL)'],
    [
      nodeDrained,
      'node-drained: engine "chaos-mesh" cannot do this fault (it knows no nodes); engines that can: kubernetes',
    ],
  ])('is named, with the reason and who can: %#', async ({ name, supportedEngines, unsupported }, message) => {
    const choice = { fault: name, supported: supportedEngines, unsupported, option: 'chaos-mesh' } as const;
    await expect(selectEngine(choice, defaultEngines, context, signal)).rejects.toThrow(message);
  });

  test('shields process 1 from within: said by the kubernetes engine', async () => {
    const { name, supportedEngines, unsupported } = containerKilled;
    const choice = { fault: name, supported: supportedEngines, unsupported, option: 'kubernetes' } as const;
    await expect(selectEngine(choice, defaultEngines, context, signal)).rejects.toThrow(
      'the kernel shields process 1 of a container',
    );
  });

  test('is not there: said before anything is touched', async () => {
    const engines = fakeEngines(fakeEngine());
    const choice = { fault: 'container-killed', supported: ['chaos-mesh'] as const };
    await expect(selectEngine(choice, engines, context, signal)).rejects.toThrow(
      'engine "chaos-mesh": CRD is not installed (install it)',
    );
  });

  test('a need that is no right is an error of the fault, not of the cluster', async () => {
    await expect(async () => kubernetesEngine.preflight(context, signal, ['nodes'])).rejects.toThrow(
      'need: got "nodes", expected a right such as "patch nodes cluster-wide"',
    );
  });
});

describe('a target', () => {
  test('that resolves to nothing', async () => {
    await using store = await ObjectStore.start();
    store.put('/apis/postgresql.cnpg.io/v1/namespaces/team/clusters/pg', {
      apiVersion: 'postgresql.cnpg.io/v1',
      kind: 'Cluster',
      metadata: { namespace: 'team', name: 'pg', uid: 'c' },
      spec: { instances: 3, storage: { size: '1Gi' } },
      status: { currentPrimary: 'pg-1', targetPrimary: 'pg-1' },
    });
    const targets = { kube: store.kube, cluster: context.cluster, operatorNamespace: 'cnpg-system', seed: 1 };
    const resolve = (fault: Fault, options: Record<string, unknown>) =>
      selectorOf(fault, parseFaultOptions(fault, options).own).resolve(targets, signal);
    await expect(resolve(instanceKilled, { target: { replica: 5 } })).rejects.toThrow(
      'replica: index 5 does not exist; replicas in order: none',
    );
    await expect(resolve(instanceKilled, { target: { instance: 'pg-9' } })).rejects.toThrow(TargetError);
    await expect(resolve(volumeDeleted, {})).rejects.toThrow(TargetError);
    expect(store.requests.every(({ what }) => what.startsWith('GET '))).toBe(true);
  });

  test('that resolves to more than the fault may hit', () => {
    const many = ['pg-1', 'pg-2', 'pg-3', 'pg-4', 'pg-5', 'pg-6'].map(pod);
    const who = { engine: kubernetesEngine, engineContext: context, runId: 'r', experimentId: 'e', ttlMs: 1_000 };
    expect(() => prepareFault(instanceKilled, parseFaultOptions(instanceKilled, {}), many, who)).toThrow(
      'instance-killed: it may hit 5 at once, but its target resolved to 6: pod team/pg-1, pod team/pg-2',
    );
    expect(() => prepareFault(switchover, parseFaultOptions(switchover, {}), many.slice(0, 2), who)).toThrow(
      'switchover: it may hit 1 at once, but its target resolved to 2',
    );
  });

  test('of two instances where one alone can lose its volumes', () => {
    const volume: VolumeTarget = { kind: 'volume', role: 'volume', namespace: 'team', name: 'pg-1', uid: 'v' };
    const who = { engine: kubernetesEngine, engineContext: context, runId: 'r', experimentId: 'e', ttlMs: 1_000 };
    const targets = [pod('pg-1'), volume, pod('pg-2')];
    expect(() => prepareFault(volumeDeleted, parseFaultOptions(volumeDeleted, {}), targets, who)).toThrow(
      'volume-deleted: it takes exactly one instance, but its target resolved to pod team/pg-1, volume team/pg-1, pod team/pg-2',
    );
  });
});
