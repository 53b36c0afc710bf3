import { z } from 'zod';
import { durationSchema } from '../config/duration-schema.ts';
import { apiLatency } from '../engines/lab/api-latency.ts';
import { apiServer } from '../targets/endpoints.ts';
import { controlPlaneOf, reasonsWithoutLab } from './control-plane-down.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { apiReadTime } from './machine-evidence.ts';

// below, it cannot be told from the time that the API server needs by itself
const leastMs = 20;

/**
 * The API server answers late: every request, of everybody outside its machine, waits `latency`. From the renew deadline
 * of a lease on (10 s for the primary's) leases are lost.
 */
export const apiLatencyFault = defineFault({
  name: 'api-latency',
  options: z.object({
    latency: durationSchema().refine((ms) => ms >= leastMs, { error: () => `${leastMs} ms or more, such as "1s"` }),
  }),
  target: apiServer(),
  blast: { controlPlane: true },
  engines: { lab: ({ lab, options }) => apiLatency(controlPlaneOf(lab), options.latency) },
  unsupported: reasonsWithoutLab,
  occupies: () => ['way to kube-apiserver'],
  evidence: {
    async effect({ kube, options }, signal) {
      const ms = await apiReadTime(kube, options.latency, signal);
      return {
        seen: ms >= options.latency,
        what: `a read from the API server takes ${Math.round(ms)} ms, ${options.latency} ms were asked for`,
        data: { readMs: Math.round(ms), latencyMs: options.latency },
      };
    },
    async healed({ kube, options }, signal) {
      const ms = await apiReadTime(kube, options.latency, signal);
      return { seen: ms < options.latency, what: `a read from the API server takes ${Math.round(ms)} ms` };
    },
  },
});

/** Runs the body with a slow API server; see `apiLatencyFault`. */
export const withApiLatency = fixture(apiLatencyFault);
