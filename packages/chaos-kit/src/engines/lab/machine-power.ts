import type { Action } from '../engine.ts';
import { labOf, powerOn, runOf } from './machine-script.ts';

/**
 * Cuts the power of a machine, or freezes it with everything in it. A machine that is off has lost its processes and
 * memory, not its disks; one that is frozen still accepts TCP connections and answers nothing.
 *
 * @param restoreAfterMs a reboot: it comes back by itself after this time. Default: at the end of its time to live
 */
export function machinePower(machine: string, power: 'off' | 'frozen', restoreAfterMs?: number): Action {
  const words = power === 'off' ? 'power off' : 'freeze';
  const again = restoreAfterMs === undefined ? '' : ` for ${restoreAfterMs / 1000} s`;
  return {
    summary: `${words} ${machine}${again}`,
    plan(context) {
      const lab = labOf(context);
      return {
        undo: [powerOn(lab.name, machine)],
        async act(signal) {
          const options = {
            restoreAfterMs: Math.min(restoreAfterMs ?? context.ttlMs, context.ttlMs),
            owner: runOf(context),
            signal,
          };
          await lab.setPower(machine, power, options);
          return { machine, power, restoredAfterMs: options.restoreAfterMs };
        },
      };
    },
  };
}
