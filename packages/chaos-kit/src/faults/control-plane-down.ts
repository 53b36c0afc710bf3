import { z } from 'zod';
import { EngineUnavailableError } from '../engines/engine-error.ts';
import { serviceDown } from '../engines/lab/machine-services.ts';
import type { LabControl } from '../engines/lab-control.ts';
import { apiServer } from '../targets/endpoints.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { apiRead, serviceState } from './machine-evidence.ts';
import type { Observation } from './observation.ts';

const components = ['etcd', 'kube-controller-manager', 'kube-scheduler'] as const;

/** Why only the lab can break a control plane. */
export const reasonsWithoutLab = {
  kubernetes: 'the control plane cannot break itself by its own API',
  'chaos-mesh': 'it acts on pods, and the control plane may run outside of them',
} as const;

/**
 * A part of the control plane has stopped or stands still. Without `etcd` the API server answers nothing; without
 * `kube-controller-manager` no node is called lost and no Service follows a new primary; without `kube-scheduler` no new
 * pod starts. See `withApiServerDown` for the API server itself.
 */
export const controlPlaneDown = defineFault({
  name: 'control-plane-down',
  options: z.object({ component: z.enum(components), how: z.enum(['stop', 'freeze']).default('stop') }),
  target: apiServer(),
  engines: { lab: ({ lab, options }) => serviceDown(controlPlaneOf(lab), options.component, options.how) },
  unsupported: reasonsWithoutLab,
  blast: { controlPlane: true },
  occupies: ({ options }) => [options.component],
  evidence: {
    effect: async ({ kube, lab, options: { component, how } }, signal) =>
      component === 'etcd'
        ? apiRead(kube, true, signal)
        : stateIs(lab, component, how === 'stop' ? 'stopped' : 'frozen', signal),
    healed: async ({ kube, lab, options: { component } }, signal) =>
      component === 'etcd' ? apiRead(kube, false, signal) : stateIs(lab, component, 'running', signal),
  },
});

/** Runs the body without a part of the control plane; see `controlPlaneDown`. */
export const withControlPlaneDown = fixture(controlPlaneDown);

/** Name of the machine of the control plane. @throws EngineUnavailableError where there is no lab */
export function controlPlaneOf(lab: LabControl | undefined): string {
  if (lab === undefined) throw new EngineUnavailableError('engine "lab": this cluster is not the local lab');
  return lab.controlPlane;
}

async function stateIs(
  lab: LabControl | undefined,
  component: string,
  wanted: 'running' | 'frozen' | 'stopped',
  signal: AbortSignal,
): Promise<Observation> {
  const machine = controlPlaneOf(lab);
  const state = lab === undefined ? 'stopped' : await serviceState(lab, machine, component, signal);
  return { seen: state === wanted, what: `${component} on ${machine} is ${state}` };
}
