import type { Action } from '../engine.ts';
import { actOnMachine, labOf, machineScript } from './machine-script.ts';

/** Name of the chain in which the rules of an isolated machine lie. */
export const isolationChain = 'CNPG-CHAOS-ISOLATED';

// Only what crosses the network card: processes and pods of the machine still reach each other.
const hooks = ['INPUT -i eth0', 'OUTPUT -o eth0', 'FORWARD -i eth0', 'FORWARD -o eth0'];

/** Takes the isolation away, whether it is there or not. */
export const endIsolation = [
  ...hooks.map((hook) => `while iptables -w -D ${hook} -j ${isolationChain} 2>/dev/null; do :; done`),
  `iptables -w -F ${isolationChain} 2>/dev/null; iptables -w -X ${isolationChain} 2>/dev/null`,
  `! iptables -w -n -L ${isolationChain} >/dev/null 2>&1`,
].join('\n');

/** Cuts a machine off from all others: nothing enters or leaves through its network card, also in open connections. */
export function machineIsolated(machine: string): Action {
  const act = [
    'set -e',
    `iptables -w -N ${isolationChain}`,
    `iptables -w -A ${isolationChain} -j DROP`,
    ...hooks.map((hook) => `iptables -w -I ${hook} -j ${isolationChain}`),
  ].join('\n');
  return {
    summary: `cut ${machine} off from the network`,
    plan(context) {
      const lab = labOf(context);
      return {
        undo: [machineScript(lab.name, machine, context.faultId, endIsolation)],
        async act(signal) {
          await actOnMachine(context, machine, { act, undo: endIsolation }, signal);
          return { machine, chain: isolationChain };
        },
      };
    },
  };
}
