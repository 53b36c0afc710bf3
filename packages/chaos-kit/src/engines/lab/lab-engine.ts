import { EngineError } from '../engine-error.ts';
import type { Engine, EngineContext, UndoEntry } from '../engine.ts';
import type { LabControl } from '../lab-control.ts';
import { leftoverMachines } from './leftover-machines.ts';
import { machineScriptKind, powerOnKind, undoOnMachine } from './machine-script.ts';

/** The engine that has power over the machines of the local lab. Elsewhere it is not offered. */
export const labEngine: Engine = {
  name: 'lab',
  async preflight({ lab }, signal, needs) {
    if (lab === undefined) {
      const missing = 'this cluster is not the local lab, so nobody here has power over its machines';
      return [{ missing, remedy: 'list no cluster in chaos.config.ts to run on the lab' }];
    }
    const machines = await lab.machines(signal);
    return needs
      .filter((need) => !machines.includes(need))
      .map((need) => ({ missing: `lab ${lab.name} has no machine ${need}`, remedy: `it has ${machines.join(', ')}` }));
  },
  async undo(entry, context, signal) {
    const lab = sameLab(entry, context);
    if (entry.kind === machineScriptKind) return undoOnMachine(lab, entry.data, signal);
    const { machine } = entry.data;
    if (entry.kind !== powerOnKind || typeof machine !== 'string') {
      throw new EngineError('lab', `does not know the undo "${entry.kind}" (entry ${entry.id})`);
    }
    await lab.setPower(machine, 'on', { signal });
    return `${machine} is on`;
  },
  leftovers: leftoverMachines,
  manualCommand(entry) {
    const [lab, machine] = [textOf(entry, 'lab'), textOf(entry, 'machine')];
    return entry.kind === powerOnKind
      ? `npx chaos-lab power --name ${lab} ${machine} on`
      : `npx chaos-lab exec --name ${lab} ${machine} -- bash -c ${quoted(textOf(entry, 'script'))}`;
  },
};

function sameLab(entry: UndoEntry, { lab }: EngineContext): LabControl {
  if (lab === undefined) throw new EngineError('lab', `entry ${entry.id}: no lab to undo "${entry.kind}" in`);
  if (entry.data['lab'] !== lab.name) {
    throw new EngineError('lab', `entry ${entry.id} belongs to lab ${textOf(entry, 'lab')}, this one is ${lab.name}`);
  }
  return lab;
}

function textOf({ data }: UndoEntry, key: string): string {
  const value = data[key];
  return typeof value === 'string' ? value : '?';
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
