import type { EngineContext, Leftover } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import type { LabControl } from '../lab-control.ts';
import { apiLatencyThere, endApiLatency } from './api-latency.ts';
import { endIsolation, isolationChain } from './machine-isolated.ts';
import { machineScript, machineScriptFolder, powerOn } from './machine-script.ts';
import { startService } from './machine-services.ts';

// One word and one name a line. A service that the kit held down, or whose process stands still; a chain of ours.
const look = `
for file in /run/lab/*.hold; do [ -e "$file" ] && { name=\${file##*/}; echo "held \${name%.hold}"; }; done
for file in /run/lab/*.pid; do
  [ -e "$file" ] || continue
  state=$(sed -E 's/.*\\) (.).*/\\1/' "/proc/$(cat "$file")/stat" 2>/dev/null)
  name=\${file##*/}
  [ "$state" = T ] && echo "frozen \${name%.pid}"
done
for file in ${machineScriptFolder}/*; do [ -e "$file" ] && sed -n '1s/^# run /run /p' "$file"; done
iptables -w -n -L ${isolationChain} >/dev/null 2>&1 && echo "isolated network"
${apiLatencyThere} && echo "delayed API"
exit 0`;

/** Machines that are off or frozen, services that are held down or stand still, machines that are cut off. */
export async function leftoverMachines({ lab }: EngineContext, signal: AbortSignal): Promise<readonly Leftover[]> {
  if (lab === undefined) return [];
  const machines = await lab.machines(signal);
  const found = await Promise.all(machines.map((machine) => leftoversOn(lab, machine, signal)));
  return found.flat();
}

async function leftoversOn(lab: LabControl, machine: string, signal: AbortSignal): Promise<Leftover[]> {
  const power = await lab.power(machine, signal);
  if (power !== 'on') {
    const undo = powerOn(lab.name, machine);
    return [{ what: `machine ${machine} is ${power}`, undo, runId: await lab.powerOwner(machine) }];
  }
  const { exitCode, stdout, stderr } = await lab.exec(machine, ['bash', '-c', look], signal);
  if (exitCode !== 0) throw new EngineError('lab', `cannot look at ${machine}: ${stderr.trim()}`);
  return leftoversIn(stdout, lab.name, machine);
}

/** Reads what the look at a machine printed. */
export function leftoversIn(text: string, lab: string, machine: string): Leftover[] {
  const lines = text.split('\n');
  // several faults on one machine are of one run: a second run would not have got the cluster's lock
  const runId = lines.find((line) => line.startsWith('run '))?.slice('run '.length) || undefined;
  return lines.flatMap((line) => {
    const [state = '', name = ''] = line.trim().split(' ');
    if (state === 'isolated') {
      const undo = machineScript(lab, machine, 'leftover', endIsolation);
      return [{ what: `machine ${machine} is cut off from the network (chain ${isolationChain})`, undo, runId }];
    }
    if (state === 'delayed') {
      const undo = machineScript(lab, machine, 'leftover', endApiLatency);
      return [{ what: `the way to the API server on ${machine} is slow`, undo, runId }];
    }
    if (state !== 'held' && state !== 'frozen') return [];
    const what = `${name} on ${machine} is ${state === 'held' ? 'kept from running' : 'frozen'}`;
    return [{ what, undo: machineScript(lab, machine, 'leftover', startService(name)), runId }];
  });
}
