import type { LabControl, MachinePower, NodeCommandResult } from '../../src/engines/lab-control.ts';

/** A lab of two machines that does nothing and remembers what it was told. */
export interface FakeLab extends LabControl {
  readonly powers: Map<string, MachinePower>;
  /** Machine and command of every `exec`. */
  readonly commands: [string, readonly string[]][];
  /** Of every `setPower` that had one. */
  readonly restoreAfterMs: number[];
}

/** @param answers what every command says; default: nothing, successfully */
export function fakeLab(answers: { exec?: NodeCommandResult } = {}): FakeLab {
  const powers = new Map<string, MachinePower>([
    ['control-plane', 'on'],
    ['w1', 'on'],
  ]);
  const owners = new Map<string, string>();
  const commands: FakeLab['commands'] = [];
  const restoreAfterMs: number[] = [];
  return {
    name: 'test',
    controlPlane: 'control-plane',
    powers,
    commands,
    restoreAfterMs,
    machines: () => Promise.resolve([...powers.keys()]),
    exec(machine, argv) {
      commands.push([machine, argv]);
      return Promise.resolve(answers.exec ?? { exitCode: 0, stdout: '', stderr: '' });
    },
    power: (machine) => Promise.resolve(powers.get(machine) ?? 'off'),
    powerOwner: (machine) => Promise.resolve(owners.get(machine)),
    setPower(machine, power, options = {}) {
      powers.set(machine, power);
      if (power === 'on' || options.owner === undefined) owners.delete(machine);
      else owners.set(machine, options.owner);
      if (options.restoreAfterMs !== undefined) restoreAfterMs.push(options.restoreAfterMs);
      return Promise.resolve();
    },
  };
}
