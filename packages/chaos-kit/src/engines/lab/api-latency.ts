import type { Action } from '../engine.ts';
import { actOnMachine, labOf, machineScript } from './machine-script.ts';
import { packetDelayProgram } from './packet-delay.ts';

const queue = 6443;
// without a program that reads the queue, packets pass: whatever ends the program ends the latency
const rule = `INPUT -i eth0 -p tcp --dport 6443 -j NFQUEUE --queue-num ${queue} --queue-bypass`;
const pidFile = '/run/lab/api-latency.pid';

/** Says whether the latency is there: exit code 0. */
export const apiLatencyThere = `iptables -w -t mangle -C ${rule} 2>/dev/null`;

/** Takes the latency away, whether it is there or not. */
export const endApiLatency = [
  `while iptables -w -t mangle -D ${rule} 2>/dev/null; do :; done`,
  `[ -e ${pidFile} ] && kill -KILL "$(cat ${pidFile})" 2>/dev/null; rm -f ${pidFile}`,
  `! ${apiLatencyThere}`,
].join('\n');

/** Every packet that reaches the API server over the network comes late by `latencyMs`. */
export function apiLatency(machine: string, latencyMs: number): Action {
  return {
    summary: `latency of ${latencyMs} ms on the way to the API server`,
    plan(context) {
      const lab = labOf(context);
      const seconds = Math.ceil(context.ttlMs / 1000);
      const act = [
        'set -e',
        `cat >/run/lab/api-latency.pl <<'PERL'${packetDelayProgram}PERL`,
        `setsid -f bash -c 'echo $$ >${pidFile}; exec perl /run/lab/api-latency.pl ${queue} ${latencyMs} ${seconds}' </dev/null >/dev/null 2>/run/lab/api-latency.log`,
        'sleep 0.3',
        `kill -0 "$(cat ${pidFile})" || { cat /run/lab/api-latency.log >&2; exit 1; }`,
        `iptables -w -t mangle -I ${rule}`,
      ].join('\n');
      return {
        undo: [machineScript(lab.name, machine, context.faultId, endApiLatency)],
        async act(signal) {
          await actOnMachine(context, machine, { act, undo: endApiLatency }, signal);
          return { machine, latencyMs };
        },
      };
    },
  };
}
