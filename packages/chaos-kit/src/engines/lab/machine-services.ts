import type { Action } from '../engine.ts';
import { actOnMachine, labOf, machineScript } from './machine-script.ts';

/** Services that the machines of the lab supervise. */
export const machineServices = [
  'containerd',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-proxy',
  'kube-scheduler',
  'kubelet',
] as const;

/** A supervised service of a machine. */
export type MachineService = (typeof machineServices)[number];

/** `stop`: it is killed and kept down. `freeze`: it stands still; its sockets stay and answer nothing. */
export type ServiceOutage = 'stop' | 'freeze';

const tool = '/usr/local/lib/lab/service';

/** Kills or freezes a supervised service of a machine. */
export function serviceDown(machine: string, service: MachineService, how: ServiceOutage): Action {
  const act = [
    `pid=$(${tool} ${service} pid) && [ -n "$pid" ] || { echo "${service} does not run" >&2; exit 1; }`,
    // killed, not stopped in order: an API server would go on answering for ten seconds
    how === 'stop' ? `touch /run/lab/${service}.hold; kill -KILL "$pid"` : `kill -STOP "$pid"`,
  ].join('\n');
  const undo = startService(service);
  return {
    summary: `${how} ${service} on ${machine}`,
    plan(context) {
      const lab = labOf(context);
      return {
        undo: [machineScript(lab.name, machine, context.faultId, undo)],
        async act(signal) {
          await actOnMachine(context, machine, { act, undo }, signal);
          return { machine, service, how };
        },
      };
    },
  };
}

/** What makes a service run again, however it was put down. */
export function startService(service: string): string {
  return `pid=$(${tool} ${service} pid); [ -n "$pid" ] && kill -CONT "$pid"; ${tool} ${service} start`;
}
