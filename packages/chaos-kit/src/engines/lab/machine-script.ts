import { runLabel } from '../../safety/labels.ts';
import type { Json, PlanContext, UndoStep } from '../engine.ts';
import { EngineError, EngineUnavailableError } from '../engine-error.ts';
import type { LabControl } from '../lab-control.ts';

// Of a fault that acts inside of a machine, its undo lies there as a script: whoever comes first runs it, the kit or the
// machine itself when the time to live is over. It needs no network, since it may be the network that is broken.
export const machineScriptFolder = '/run/lab/chaos';
const folder = machineScriptFolder;

/** Kind of the undo that runs a script on a machine. */
export const machineScriptKind = 'machine-script';

/** Kind of the undo that puts a machine on. */
export const powerOnKind = 'power-on';

/** The undo of a fault inside of a machine. Carrying it out twice does no harm. */
export function machineScript(lab: string, machine: string, faultId: string, script: string): UndoStep {
  return { kind: machineScriptKind, data: { lab, machine, faultId, script } };
}

/** The undo of a machine that is off or frozen. */
export function powerOn(lab: string, machine: string): UndoStep {
  return { kind: powerOnKind, data: { lab, machine } };
}

/** The lab of a plan. @throws EngineUnavailableError where there is none */
export function labOf(context: Pick<PlanContext, 'lab'>): LabControl {
  if (context.lab === undefined) throw new EngineUnavailableError('engine "lab": this cluster is not the local lab');
  return context.lab;
}

/**
 * Runs a script on a machine after it has been made sure that `undo` will run there at the end of the time to live.
 *
 * @throws EngineError with what the machine said
 */
export async function actOnMachine(
  context: Pick<PlanContext, 'lab' | 'faultId' | 'labels' | 'ttlMs'>,
  machine: string,
  scripts: { readonly act: string; readonly undo: string },
  signal: AbortSignal,
): Promise<string> {
  const script = `set -u
mkdir -p ${folder}
printf '%s' "$2" >"${folder}/$1"
setsid -f bash -c '
  file=$1 left=$2
  while [ "$left" -gt 0 ]; do sleep 1; left=$((left - 1)); [ -e "$file" ] || exit 0; done
  bash "$file"; rm -f "$file"
' ttl "${folder}/$1" "$4" </dev/null >/dev/null 2>&1
bash -c "$3"`;
  const seconds = String(Math.max(1, Math.ceil(context.ttlMs / 1000)));
  return run(
    labOf(context),
    machine,
    ['bash', '-c', script, 'act', context.faultId, `# run ${runOf(context)}\n${scripts.undo}`, scripts.act, seconds],
    signal,
  );
}

/** The run that an action belongs to; empty when it is not said. */
export function runOf({ labels }: Pick<PlanContext, 'labels'>): string {
  return labels[runLabel] ?? '';
}

/** Runs the undo script of a fault and forgets it. @throws EngineError with what the machine said */
export async function undoOnMachine(
  lab: LabControl,
  data: { readonly [key: string]: Json },
  signal: AbortSignal,
): Promise<string> {
  const { machine, faultId, script } = data;
  if (typeof machine !== 'string' || typeof faultId !== 'string' || typeof script !== 'string') {
    throw new EngineError('lab', `undo ${machineScriptKind}: its data names no machine, fault and script`);
  }
  const power = await lab.power(machine, signal);
  // rules, held services and stopped processes are gone with the memory of the machine
  if (power === 'off') return `${machine} is off: nothing of ${faultId} is left on it`;
  if (power === 'frozen') throw new EngineError('lab', `${machine} is frozen: ${faultId} cannot be undone on it`);
  await run(lab, machine, ['bash', '-c', `bash -c "$2" && rm -f "${folder}/$1"`, 'undo', faultId, script], signal);
  return `${machine}: ${faultId} undone`;
}

async function run(lab: LabControl, machine: string, argv: readonly string[], signal: AbortSignal): Promise<string> {
  const { exitCode, stdout, stderr } = await lab.exec(machine, argv, signal);
  if (exitCode !== 0) {
    throw new EngineError('lab', `${machine}: exit code ${exitCode}: ${(stderr.trim() || stdout.trim()).slice(-500)}`);
  }
  return stdout;
}
