import { describe, expect, test } from 'vitest';
import { neverKube } from '../../../test/fakes/fake-engine.ts';
import { type EndpointTarget, type PodTarget, TargetError } from '../../targets/target.ts';
import type { PlanContext } from '../engine.ts';
import { agentEngine } from './agent-engine.ts';
import { agentFault, faultOf } from './agent-fault.ts';
import { cutParts } from './cut.ts';
import { delayParts } from './delay.ts';
import { parseVolumeSpace } from './fill.ts';
import { parseHogs } from './hog.ts';
import { parseListed } from './listed-faults.ts';
import { MeshResult, parseConnect, parseMesh, parseSink } from './probe.ts';
import { shapeParts } from './shape.ts';
import { everyAddress } from './sides.ts';
import { parseSignalled, signalFromNode } from './signal.ts';
import { parseWriteLatency } from './throttle.ts';

function pod(name: string, side: 'from' | 'to', number: number): PodTarget {
  const place = { ip: `10.0.0.${number}`, node: `w${number}` };
  return { kind: 'pod', role: name, namespace: 'n', name, uid: `uid-${name}`, side, ...place };
}

function endpoint(name: string, addresses: readonly string[]): EndpointTarget {
  return { kind: 'endpoint', role: name, name, uid: name, addresses, side: 'to' };
}

const whole = { oneWay: false, how: 'drop', percent: 100 } as const;

describe('a cut', () => {
  test('is made in the network of every pod on both sides, against all of the other side', () => {
    const parts = cutParts([pod('a', 'from', 1), pod('b', 'to', 2), pod('c', 'to', 3)], whole);
    expect(parts.map(({ target, args }) => [target.name, ...args])).toEqual([
      ['a', 'drop', '100', '10.0.0.2,10.0.0.3', '10.0.0.2,10.0.0.3', 'none'],
      ['b', 'drop', '100', '10.0.0.1', '10.0.0.1', 'none'],
      ['c', 'drop', '100', '10.0.0.1', '10.0.0.1', 'none'],
    ]);
  });

  test('one way leaves the way back alone at both ends', () => {
    const parts = cutParts([pod('a', 'from', 1), pod('b', 'to', 2)], { ...whole, oneWay: true });
    expect(parts.map(({ args }) => args.slice(2))).toEqual([
      ['none', '10.0.0.2', 'none'],
      ['10.0.0.1', 'none', 'none'],
    ]);
  });

  test('a share is lost once: where it arrives', () => {
    const parts = cutParts([pod('a', 'from', 1), pod('b', 'to', 2)], { ...whole, percent: 5, ends: 'arrival' });
    expect(parts.map(({ args }) => args)).toEqual([
      ['drop', '5', '10.0.0.2', 'none', 'none'],
      ['drop', '5', '10.0.0.1', 'none', 'none'],
    ]);
  });

  test('addresses have no network of their own: the pod alone is cut off from them', () => {
    const parts = cutParts([pod('a', 'from', 1), endpoint('API server', ['10.96.0.1', '172.16.0.9'])], whole);
    expect(parts.map(({ args }) => args.slice(2))).toEqual([['10.96.0.1,172.16.0.9', '10.96.0.1,172.16.0.9', 'none']]);
  });

  test('from everything spares the node, whose kubelet looks after the pod', () => {
    const parts = cutParts([pod('a', 'from', 1), endpoint('everything', everyAddress)], whole);
    expect(parts.map(({ args }) => args.slice(2))).toEqual([['any', 'any', 'node']]);
  });

  test.each<[string, Parameters<typeof cutParts>[0], string]>([
    ['no pod', [{ ...endpoint('x', ['10.0.0.9']), side: 'from' }, endpoint('y', ['10.0.0.8'])], 'needs a pod'],
    ['a pod without an address', [{ ...pod('a', 'from', 1), ip: undefined as never }, pod('b', 'to', 2)], 'no address'],
    ['a volume', [{ kind: 'volume', role: 'v', namespace: 'n', name: 'v', uid: 'v', side: 'to' }], 'is no side'],
  ])('is refused with %s', (_what, targets, message) => {
    expect(() => cutParts(targets, whole)).toThrow(TargetError);
    expect(() => cutParts(targets, whole)).toThrow(message);
  });
});

test('what is held or narrowed is so where it arrives; addresses have no such place, so the pod does it for them', () => {
  const targets = [pod('a', 'from', 1), pod('b', 'to', 2), endpoint('x', ['10.0.0.9'])];
  const delayed = delayParts(targets, { oneWay: true, latencyMs: 1.5, jitterMs: 0 });
  expect(delayed.map(({ target, args }) => [target.name, ...args])).toEqual([
    ['a', '1500', '0', 'none', '10.0.0.9'],
    ['b', '1500', '0', '10.0.0.1', 'none'],
  ]);
  const shaped = shapeParts(targets, { oneWay: false, bits: 1000 });
  expect(shaped.map(({ target, args }) => [target.name, ...args])).toEqual([
    ['a', '1000', '10.0.0.2,10.0.0.9', '10.0.0.9'],
    ['b', '1000', '10.0.0.1', 'none'],
  ]);
});

describe('a fault on nodes', () => {
  const context: PlanContext = {
    kube: neverKube,
    cluster: { namespace: 'n', name: 'c' },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
    faultId: 'partition-1a2b3c4d',
    labels: { 'cnpg-chaos/run': 'run-1' },
    ttlMs: 60_000,
  };
  const parts = cutParts([pod('a', 'from', 1), pod('b', 'to', 2)], whole);

  test('knows before the act how each node mends it', () => {
    const { undo } = agentFault('cut', parts).plan(context);
    expect(undo).toEqual([
      { kind: 'remove-fault', data: { node: 'w1', id: 'partition-1a2b3c4d-0' } },
      { kind: 'remove-fault', data: { node: 'w2', id: 'partition-1a2b3c4d-1' } },
    ]);
    const [step] = undo;
    if (step === undefined) throw new Error('no undo');
    const entry = { ...step, id: 'e', engine: 'agent', faultId: context.faultId } as const;
    expect(agentEngine.manualCommand(entry)).toMatch(/spec\.nodeName=w1.* remove partition-1a2b3c4d-0$/);
  });

  test('refuses an undo that it did not make', () => {
    expect(() => faultOf({ kind: 'remove-fault', data: { node: 'w1' } })).toThrow('does not know the undo');
    expect(() => faultOf({ kind: 'remove-chaos', data: { node: 'w1', id: 'x' } })).toThrow('does not know the undo');
  });

  test('that happens once has no undo', () => {
    const options = { container: 'postgres', process: 'postmaster' };
    const killed = signalFromNode([pod('a', 'from', 1)], { ...options, signal: 'KILL' });
    const stopped = signalFromNode([pod('a', 'from', 1)], { ...options, signal: 'STOP' });
    expect(killed.plan(context).undo).toEqual([]);
    expect(stopped.plan(context).undo).toHaveLength(1);
  });

  test('refuses a pod without a node, and nothing to do', () => {
    const { node: _, ...lost } = pod('a', 'from', 1);
    const action = agentFault('cut', [{ target: lost, family: 'cut', args: [] }]);
    expect(() => action.plan(context)).toThrow('is on no node yet');
    expect(() => agentFault('cut', [])).toThrow('nothing to do');
  });
});

describe('what an agent says', () => {
  test('a list of what is there, one fault found at two places being one', () => {
    const text = 'a-0\tcut\t12\trun-1\there\na-0\tcut\t12\trun-1\tthere\nb\tfreeze\t-\t-\tpod x\n';
    expect(parseListed(text)).toEqual([
      { id: 'a-0', family: 'cut', secondsLeft: 12, runId: 'run-1', what: 'here; there' },
      { id: 'b', family: 'freeze', secondsLeft: undefined, runId: undefined, what: 'pod x' },
    ]);
    expect(parseListed('')).toEqual([]);
    expect(() => parseListed('sh: not found')).toThrow('expected five fields');
  });

  test('a mesh, from both ends', () => {
    const here = parseMesh('10.0.0.2 sent 20 received 0 echoed 3 rtt_us 100 150 900\n');
    const there = parseMesh('10.0.0.1 sent 20 received 19 echoed 0 rtt_us 0 0 0\n');
    const mesh = new MeshResult(
      new Map([
        ['10.0.0.1', here],
        ['10.0.0.2', there],
      ]),
    );
    expect(mesh.delivered('10.0.0.1', '10.0.0.2')).toEqual({ sent: 20, arrived: 19 });
    expect(mesh.delivered('10.0.0.2', '10.0.0.1')).toEqual({ sent: 20, arrived: 0 });
    expect(mesh.roundTrip('10.0.0.1', '10.0.0.2')).toEqual({ min: 100, median: 150, max: 900, count: 3 });
    expect(() => mesh.delivered('10.0.0.1', '10.0.0.9')).toThrow('nobody sent');
    expect(() => parseMesh('bind: in use')).toThrow('netprobe mesh said');
  });

  test.each([
    ['connected 1500', { outcome: 'connected', afterMs: 1.5 }],
    ['answered 900', { outcome: 'answered', afterMs: 0.9 }],
    ['silent', { outcome: 'silent' }],
    ['timeout', { outcome: 'timeout' }],
    ['refused: Connection refused', { outcome: 'refused', why: 'Connection refused' }],
  ])('a connection: %s', (text, result) => {
    expect(parseConnect(`${text}\n`)).toEqual(result);
  });

  test('what became of processes, and how full a volume is', () => {
    expect(parseSignalled('postmaster KILL 12 gone\nwalsender STOP 13 stopped\n')).toEqual([
      { process: 'postmaster', signal: 'KILL', pid: 12, now: 'gone' },
      { process: 'walsender', signal: 'STOP', pid: 13, now: 'stopped' },
    ]);
    expect(parseWriteLatency('hung 3')).toEqual({ hung: true, writes: 3 });
    expect(parseWriteLatency('writes 45 us 44651 1118 100491 103870')).toMatchObject({
      meanMs: 44.651,
      p95Ms: 100.491,
    });
    expect(parseHogs('cpu 28 1024 100\n')).toEqual([{ kind: 'cpu', cpuSeconds: 0.28, mebibytes: 1 }]);
    expect(parseSink('received 1000000 in 1000000')).toEqual({ bits: 8e6 });
    expect(parseVolumeSpace('0 57381888\n')).toEqual({ free: 0, size: 57_381_888 });
  });

  test('anything else is an error', () => {
    expect(() => parseConnect('')).toThrow('netprobe connect said ""');
    expect(() => parseSignalled('postmaster KILL 12 alive')).toThrow('signalled said');
    expect(() => parseWriteLatency('writes')).toThrow('ioprobe said');
    expect(() => parseHogs('disk 1 2 3')).toThrow('hogs said');
    expect(() => parseVolumeSpace('full')).toThrow('volume said "full"');
  });
});
