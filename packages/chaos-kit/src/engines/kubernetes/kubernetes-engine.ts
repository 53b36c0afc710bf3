import { missingRights } from '../access.ts';
import { EngineError } from '../engine-error.ts';
import type { Engine } from '../engine.ts';

/** The engine that needs nothing but the Kubernetes API. */
export const kubernetesEngine: Engine = {
  name: 'kubernetes',
  preflight: ({ kube, cluster }, signal) =>
    missingRights(kube, [{ group: '', resource: 'pods', verb: 'delete', namespace: cluster.namespace }], signal),
  undo(entry) {
    throw new EngineError('kubernetes', `does not know the undo "${entry.kind}" (entry ${entry.id})`);
  },
  // deleting a pod leaves nothing behind
  leftovers: () => Promise.resolve([]),
  manualCommand: (entry) => `# undo "${entry.kind}" by hand: ${JSON.stringify(entry.data)}`,
};
