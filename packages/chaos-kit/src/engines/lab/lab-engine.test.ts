import { expect, test } from 'vitest';
import { neverKube } from '../../../test/fakes/fake-engine.ts';
import { fakeLab } from '../../../test/fakes/fake-lab.ts';
import { runLabel } from '../../safety/labels.ts';
import type { EngineContext, UndoEntry, UndoStep } from '../engine.ts';
import type { LabControl } from '../lab-control.ts';
import { labEngine } from './lab-engine.ts';
import { apiLatency } from './api-latency.ts';
import { leftoversIn } from './leftover-machines.ts';
import { machineIsolated } from './machine-isolated.ts';
import { machinePower } from './machine-power.ts';
import { serviceDown } from './machine-services.ts';

const signal = new AbortController().signal;

function contextOf(lab?: LabControl): EngineContext {
  return {
    kube: neverKube,
    cluster: { namespace: 'ns', name: 'pg' },
    operatorNamespace: 'cnpg-system',
    chaosMesh: { namespace: 'chaos-mesh' },
    lab,
  };
}

const labels = { [runLabel]: 'run-7' };
const planOf = (lab: LabControl, ttlMs = 60_000) => ({ ...contextOf(lab), faultId: 'f-1', labels, ttlMs });

function entry(step: UndoStep | undefined): UndoEntry {
  if (step === undefined) throw new Error('no undo was planned');
  return { ...step, id: 'f-1/0', engine: 'lab', faultId: 'f-1' };
}

test('is not offered where there is no lab, and names a machine that is missing', async () => {
  expect(await labEngine.preflight(contextOf(), signal, [])).toEqual([
    expect.objectContaining({ missing: expect.stringContaining('not the local lab') as string }),
  ]);
  expect(await labEngine.preflight(contextOf(fakeLab()), signal, ['w1'])).toEqual([]);
  expect(await labEngine.preflight(contextOf(fakeLab()), signal, ['w9'])).toEqual([
    { missing: 'lab test has no machine w9', remedy: 'it has control-plane, w1' },
  ]);
});

test('power is cut with a time at which it comes back by itself, and put on by the undo', async () => {
  const lab = fakeLab();
  const planned = machinePower('w1', 'off').plan(planOf(lab, 45_000));
  expect(planned.undo).toEqual([{ kind: 'power-on', data: { lab: 'test', machine: 'w1' } }]);
  await planned.act(signal);
  expect(lab.powers.get('w1')).toBe('off');
  expect(lab.restoreAfterMs).toEqual([45_000]);
  await expect(labEngine.undo(entry(planned.undo[0]), contextOf(lab), signal)).resolves.toBe('w1 is on');
  await expect(labEngine.undo(entry(planned.undo[0]), contextOf(lab), signal)).resolves.toBe('w1 is on');
  expect(lab.powers.get('w1')).toBe('on');
});

test('a reboot comes back when it was asked to, but not after its time to live', async () => {
  const lab = fakeLab();
  await machinePower('w1', 'off', 5_000).plan(planOf(lab)).act(signal);
  await machinePower('w1', 'off', 90_000).plan(planOf(lab)).act(signal);
  expect(lab.restoreAfterMs).toEqual([5_000, 60_000]);
});

test.each([
  ['a service is stopped', serviceDown('w1', 'kubelet', 'stop'), 'kill -KILL', 'service kubelet start'],
  ['a service is frozen', serviceDown('control-plane', 'etcd', 'freeze'), 'kill -STOP', 'kill -CONT'],
  ['the API server is slow', apiLatency('control-plane', 200), 'api-latency.pl 6443 200 60', '-t mangle -D INPUT'],
  ['a machine is cut off', machineIsolated('w1'), '-I FORWARD -i eth0', '-X CNPG-CHAOS-ISOLATED'],
])('%s by a script, and the way back lies on the machine first', async (_what, action, act, undo) => {
  const lab = fakeLab();
  const planned = action.plan(planOf(lab));
  await planned.act(signal);
  const [, argv = []] = lab.commands[0] ?? [];
  expect(argv.at(-2)).toContain(act);
  expect(argv.at(-3)).toContain(undo);
  expect(argv.at(-1)).toBe('60');
  expect(await labEngine.undo(entry(planned.undo[0]), contextOf(lab), signal)).toContain('f-1 undone');
  expect(lab.commands[1]?.[1].at(-1)).toContain(undo);
});

test('what a machine refuses is an error with its words', async () => {
  const lab = fakeLab({ exec: { exitCode: 1, stdout: '', stderr: 'etcd does not run\n' } });
  const planned = serviceDown('control-plane', 'etcd', 'freeze').plan(planOf(lab));
  await expect(planned.act(signal)).rejects.toThrow('lab: control-plane: exit code 1: etcd does not run');
  await expect(labEngine.undo(entry(planned.undo[0]), contextOf(lab), signal)).rejects.toThrow('etcd does not run');
});

test('on a machine without power nothing is left to undo; on a frozen one it cannot be said', async () => {
  const lab = fakeLab();
  const [step] = serviceDown('w1', 'kubelet', 'stop').plan(planOf(lab)).undo;
  lab.powers.set('w1', 'off');
  await expect(labEngine.undo(entry(step), contextOf(lab), signal)).resolves.toContain('nothing of f-1 is left');
  lab.powers.set('w1', 'frozen');
  await expect(labEngine.undo(entry(step), contextOf(lab), signal)).rejects.toThrow('w1 is frozen');
});

test('an entry of another lab, or of none, is not touched', async () => {
  const step = { kind: 'power-on', data: { lab: 'other', machine: 'w1' } };
  await expect(async () => labEngine.undo(entry(step), contextOf(fakeLab()), signal)).rejects.toThrow(
    'belongs to lab other',
  );
  await expect(async () => labEngine.undo(entry(step), contextOf(), signal)).rejects.toThrow('no lab');
  const unknown = { kind: 'dance', data: { lab: 'test', machine: 'w1' } };
  await expect(async () => labEngine.undo(entry(unknown), contextOf(fakeLab()), signal)).rejects.toThrow('"dance"');
});

test('leftovers are what is found on the machines, each with its undo', async () => {
  const lab = fakeLab();
  expect(await labEngine.leftovers(contextOf(lab), signal)).toEqual([]);
  lab.powers.set('w1', 'off');
  expect(await labEngine.leftovers(contextOf(lab), signal)).toEqual([
    { what: 'machine w1 is off', undo: { kind: 'power-on', data: { lab: 'test', machine: 'w1' } } },
  ]);
  await machinePower('w1', 'off').plan(planOf(lab)).act(signal);
  expect(await labEngine.leftovers(contextOf(lab), signal)).toMatchObject([{ runId: 'run-7' }]);
  expect(leftoversIn('frozen etcd\nrun run-7\n', 'test', 'w1')).toMatchObject([{ runId: 'run-7' }]);
  const seen = leftoversIn('held kubelet\nfrozen etcd\nisolated network\ndelayed API\n', 'test', 'w1');
  expect(seen.map(({ what }) => what)).toEqual([
    'kubelet on w1 is kept from running',
    'etcd on w1 is frozen',
    'machine w1 is cut off from the network (chain CNPG-CHAOS-ISOLATED)',
    'the way to the API server on w1 is slow',
  ]);
  expect(seen.map(({ undo }) => undo.kind)).toEqual(Array.from({ length: 4 }, () => 'machine-script'));
  expect(leftoversIn('', 'test', 'w1')).toEqual([]);
});

test('the manual commands are those of the lab', () => {
  expect(labEngine.manualCommand(entry({ kind: 'power-on', data: { lab: 'test', machine: 'w1' } }))).toBe(
    'npx chaos-lab power --name test w1 on',
  );
  const [step] = serviceDown('w1', 'kubelet', 'stop').plan(planOf(fakeLab())).undo;
  expect(labEngine.manualCommand(entry(step))).toMatch(
    /^npx chaos-lab exec --name test w1 -- bash -c '.*kubelet start'$/,
  );
});
