import { describe, expect, test } from 'vitest';
import { neverKube } from '../../../test/fakes/fake-engine.ts';
import type { PodTarget } from '../../targets/target.ts';
import type { PlanContext } from '../engine.ts';
import { dnsChaosObject } from './dns-chaos.ts';
import { ioChaos, ioChaosObject } from './io-chaos.ts';
import { networkChaos, networkChaosObject, networkNeeds, type NetworkChaosOptions } from './network-chaos.ts';
import { podChaos, podChaosObject } from './pod-chaos.ts';
import { stressChaos, stressChaosObject } from './stress-chaos.ts';
import { timeChaosObject } from './time-chaos.ts';

const pod = (name: string, namespace = 'team'): PodTarget => ({ kind: 'pod', role: name, namespace, name, uid: name });

const context: PlanContext = {
  kube: neverKube,
  cluster: { namespace: 'team', name: 'pg' },
  operatorNamespace: 'cnpg-system',
  chaosMesh: { namespace: 'chaos-mesh' },
  faultId: 'f-1a2b3c4d',
  labels: { 'cnpg-chaos/run': 'r' },
  ttlMs: 90_500,
};

const source = [pod('pg-1')];
const target = [pod('pg-2'), pod('pg-3')];
const selection = (...names: string[]) => ({ namespaces: ['team'], pods: { team: names } });
const spec = (options: NetworkChaosOptions) => networkChaosObject(options, context).spec;

describe('partition: every shape', () => {
  const common = { action: 'partition', mode: 'all', selector: selection('pg-1'), duration: '90500ms' };
  const others = { mode: 'all', selector: selection('pg-2', 'pg-3') };
  const effect = { kind: 'partition' } as const;

  test.each<[string, NetworkChaosOptions, object]>([
    [
      'primary loses replicas only',
      { effect, source, target, direction: 'both' },
      { direction: 'both', target: others },
    ],
    ['fully isolated', { effect, source, direction: 'both' }, { direction: 'both' }],
    ['all it sends is lost', { effect, source, direction: 'to' }, { direction: 'to' }],
    ['all it is sent is lost', { effect, source, direction: 'from' }, { direction: 'from' }],
    ['one way to the replicas', { effect, source, target, direction: 'to' }, { direction: 'to', target: others }],
    ['one way from the replicas', { effect, source, target, direction: 'from' }, { direction: 'from', target: others }],
    [
      'primary loses the API server and replicas, clients stay',
      { effect, source, target, externalTargets: ['10.96.0.1', '172.31.0.10'], direction: 'both' },
      { direction: 'both', target: others, externalTargets: ['10.96.0.1', '172.31.0.10'] },
    ],
    [
      'operator in another namespace cannot see the primary',
      { effect, source: [pod('op', 'cnpg-system')], target: source, direction: 'both' },
      {
        direction: 'both',
        selector: { namespaces: ['cnpg-system'], pods: { 'cnpg-system': ['op'] } },
        target: { mode: 'all', selector: selection('pg-1') },
      },
    ],
  ])('%s', (_what, options, expected) => {
    expect(spec(options)).toEqual({ ...common, ...expected });
    expect(networkChaos(options).plan(context).undo).toHaveLength(1);
  });
});

describe('shaping', () => {
  const base = { source, direction: 'to' } as const;

  test.each<[NetworkChaosOptions['effect'], object]>([
    [
      { kind: 'delay', latencyMs: 500, jitterMs: 20 },
      { action: 'delay', delay: { latency: '500ms', jitter: '20ms', correlation: '0' } },
    ],
    [{ kind: 'delay', latencyMs: 0.6 }, { delay: { latency: '1ms', jitter: '0ms', correlation: '0' } }],
    [
      { kind: 'loss', percent: 12.5 },
      { action: 'loss', loss: { loss: '12.5', correlation: '0' } },
    ],
    [
      { kind: 'duplicate', percent: 1, correlation: 30 },
      { action: 'duplicate', duplicate: { duplicate: '1', correlation: '30' } },
    ],
    [
      { kind: 'corrupt', percent: 2 },
      { action: 'corrupt', corrupt: { corrupt: '2', correlation: '0' } },
    ],
    [
      { kind: 'bandwidth', bitsPerSecond: 8_000_000 },
      { action: 'bandwidth', bandwidth: { rate: '8000000bit', buffer: 10_000, limit: 60_000 } },
    ],
  ])('%j', (effect, expected) => {
    expect(spec({ ...base, effect })).toMatchObject(expected);
  });

  test.each<[string, NetworkChaosOptions]>([
    ['needs target pods', { effect: { kind: 'delay', latencyMs: 10 }, source, direction: 'both' }],
    [
      'cannot be combined with external targets',
      { effect: { kind: 'loss', percent: 1 }, source, target, externalTargets: ['10.0.0.1'], direction: 'from' },
    ],
    ['has no source', { effect: { kind: 'partition' }, source: [], direction: 'both' }],
    ['team/pg-1 cannot be on both sides', { effect: { kind: 'partition' }, source, target: source, direction: 'both' }],
  ])('is refused when it %s', (message, options) => {
    expect(() => networkChaos(options)).toThrow(message);
  });

  test('needs what sorts and shapes, a partition neither', () => {
    expect(networkNeeds('partition', false)).toEqual(['NetworkChaos', 'daemon']);
    expect(networkNeeds('partition', true)).toEqual(['NetworkChaos', 'daemon', 'ipset']);
    expect(networkNeeds('delay', true)).toEqual(['NetworkChaos', 'daemon', 'ipset', 'prio', 'netem']);
    expect(networkNeeds('bandwidth', false)).toEqual(['NetworkChaos', 'daemon', 'tbf']);
  });
});

test('containers are killed by their names, each with a record of its own', () => {
  const options = { action: 'container-kill', targets: source, containerNames: ['postgres'] } as const;
  expect(podChaosObject(options, context).spec).toEqual({
    action: 'container-kill',
    mode: 'all',
    containerNames: ['postgres'],
    selector: selection('pg-1'),
  });
  expect(podChaos(options).summary).toBe('PodChaos container-kill of team/pg-1/postgres');
});

test('a failing pod comes back at the time to live', () => {
  expect(podChaosObject({ action: 'pod-failure', targets: source }, context).spec).toEqual({
    action: 'pod-failure',
    mode: 'all',
    duration: '90500ms',
    selector: selection('pg-1'),
  });
});

test('stress takes the stressor first when memory runs out', () => {
  const options = { targets: source, cpu: { workers: 2, load: 80 }, memory: { workers: 1, bytes: 64_000_000 } };
  expect(stressChaosObject(options, context).spec).toEqual({
    mode: 'all',
    selector: selection('pg-1'),
    containerNames: ['postgres'],
    duration: '90500ms',
    stressors: {
      cpu: { workers: 2, load: 80, options: [] },
      memory: { workers: 1, size: '64000000B', oomScoreAdj: 1000, options: [] },
    },
  });
  expect(() => stressChaos({ targets: source })).toThrow('neither cpu nor memory');
});

test('slow I/O reaches below the mount point', () => {
  const options = {
    targets: source,
    volumePath: '/var/lib/postgresql/data',
    effect: { kind: 'latency', delayMs: 10 },
  } as const;
  expect(ioChaosObject(options, context).spec).toEqual({
    action: 'latency',
    mode: 'all',
    selector: selection('pg-1'),
    containerNames: ['postgres'],
    volumePath: '/var/lib/postgresql/data',
    path: '/var/lib/postgresql/data/**/*',
    methods: ['read', 'write', 'fsync'],
    percent: 100,
    delay: '10ms',
    duration: '90500ms',
  });
  expect(ioChaosObject({ ...options, effect: { kind: 'fault', errno: 5 } }, context).spec).toMatchObject({
    action: 'fault',
    errno: 5,
  });
  expect(ioChaos(options).plan(context).undo[0]?.data).toMatchObject({ kind: 'IOChaos', pods: ['team/pg-1'] });
});

test('clock and names', () => {
  expect(timeChaosObject({ targets: source, offsetMs: -60_000 }, context).spec).toMatchObject({
    timeOffset: '-60000ms',
    clockIds: ['CLOCK_REALTIME'],
    duration: '90500ms',
  });
  expect(dnsChaosObject({ targets: source, action: 'error', patterns: ['pg-rw.*'] }, context).spec).toMatchObject({
    action: 'error',
    patterns: ['pg-rw.*'],
    containerNames: ['postgres'],
  });
});
