import { z } from 'zod';
import { serviceDown } from '../engines/lab/machine-services.ts';
import { apiServer } from '../targets/endpoints.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { controlPlaneOf, reasonsWithoutLab } from './control-plane-down.ts';
import { apiRead } from './machine-evidence.ts';

/**
 * Nobody reaches the API server: it has stopped (`stop`, default: connections are refused) or stands still (`freeze`:
 * requests hang until their own limit). Databases go on; the operator cannot see or change anything, and an outage longer
 * than its lease (15 s) costs it the leadership, which restarts it.
 */
export const apiServerDown = defineFault({
  name: 'api-server-down',
  options: z.object({ how: z.enum(['stop', 'freeze']).default('stop') }),
  target: apiServer(),
  engines: { lab: ({ lab, options }) => serviceDown(controlPlaneOf(lab), 'kube-apiserver', options.how) },
  unsupported: reasonsWithoutLab,
  blast: { controlPlane: true },
  occupies: () => ['kube-apiserver'],
  evidence: {
    effect: ({ kube }, signal) => apiRead(kube, true, signal),
    healed: ({ kube }, signal) => apiRead(kube, false, signal),
  },
});

/** Runs the body without an API server; see `apiServerDown`. */
export const withApiServerDown = fixture(apiServerDown);
