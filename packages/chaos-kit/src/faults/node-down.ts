import { z } from 'zod';
import { durationSchema } from '../config/duration-schema.ts';
import type { Action } from '../engines/engine.ts';
import { machineIsolated } from '../engines/lab/machine-isolated.ts';
import { machinePower } from '../engines/lab/machine-power.ts';
import { serviceDown } from '../engines/lab/machine-services.ts';
import { nodeSelector, nodeTargetSpec } from '../targets/target-spec.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { kubeletSilent, nodeBack } from './machine-evidence.ts';

const ways = ['power-off', 'freeze', 'kubelet-stop', 'isolate'] as const;

/**
 * A node is gone, in one of four ways that look alike from Kubernetes and are not:
 *
 * - `power-off` (default): at once, with everything on it; its disks stay. With `restoreAfter` it is a reboot.
 * - `freeze`: everything on it stands still, then goes on as if nothing had been. TCP still accepts.
 * - `kubelet-stop`: nobody looks after its containers, which go on; the primary on it must notice by its lease.
 * - `isolate`: it runs on and reaches nobody outside, and pods on it reach each other.
 *
 * Kubernetes calls a node lost when its kubelet has been silent for the node monitor grace period (50 s by default).
 */
export const nodeDown = defineFault({
  name: 'node-down',
  options: z.object({
    target: nodeTargetSpec.default({ nodeOf: 'primary' }),
    how: z.enum(ways).default('power-off'),
    restoreAfter: durationSchema().optional(),
  }),
  target: ({ target }) => nodeSelector(target),
  engines: {
    lab: ({ target: { name }, options }): Action => {
      switch (options.how) {
        case 'power-off':
          return machinePower(name, 'off', options.restoreAfter);
        case 'freeze':
          return machinePower(name, 'frozen', options.restoreAfter);
        case 'kubelet-stop':
          return serviceDown(name, 'kubelet', 'stop');
        case 'isolate':
          return machineIsolated(name);
      }
    },
  },
  unsupported: {
    kubernetes: 'it cannot take a machine away; withNodeDrained empties one',
    'chaos-mesh': 'it acts inside of pods',
  },
  occupies: ({ targets }) => targets.map(({ name }) => `machine ${name}`),
  evidence: {
    effect: ({ target }, signal) => kubeletSilent(target, signal),
    healed: ({ kube, target }, signal) => nodeBack(kube, target, signal),
  },
});

/** Runs the body with a node down; see `nodeDown`. */
export const withNodeDown = fixture(nodeDown);
