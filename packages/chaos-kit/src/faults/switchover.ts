import { getCluster, listInstances } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { switchOver } from '../engines/kubernetes/status-edits.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';

/**
 * The primary is changed on purpose, as `kubectl cnpg promote` does. In force when the operator has taken it up (the old
 * primary steps down from then on); healed when the new one has promoted itself and is ready. The cluster stays that way:
 * there is nothing to undo.
 */
export const switchover = defineFault({
  name: 'switchover',
  options: z.object({ to: podTargetSpec.default('most-advanced') }),
  target: ({ to }) => podSelector(to),
  engines: { kubernetes: ({ target }) => switchOver(target) },
  unsupported: { 'chaos-mesh': 'it knows nothing of CloudNativePG' },
  needs: { kubernetes: ['patch clusters/status.postgresql.cnpg.io'] },
  occupies: () => ['primary role'],
  evidence: {
    async effect({ kube, cluster, target }, signal) {
      const { status } = await getCluster(kube, cluster, { signal });
      const { currentPrimary = 'none', targetPrimary = 'none', phase = 'no phase' } = status ?? {};
      const what = `currentPrimary ${currentPrimary}, targetPrimary ${targetPrimary}, ${phase}`;
      return { seen: targetPrimary === target.name, what };
    },
    async healed({ kube, cluster, target }, signal) {
      const [{ status }, instances] = await Promise.all([
        getCluster(kube, cluster, { signal }),
        listInstances(kube, cluster, { signal }),
      ]);
      const { currentPrimary = 'none', targetPrimary = 'none' } = status ?? {};
      const pod = instances.find(({ name }) => name === currentPrimary)?.pod;
      const ready = pod?.ready === true && !pod.terminating;
      const what = `currentPrimary ${currentPrimary} (${ready ? 'ready' : 'not ready'}), targetPrimary ${targetPrimary}`;
      // Another one than was asked for is no reason to wait: the operator may have failed over meanwhile.
      const settled = currentPrimary === targetPrimary && ready;
      return { seen: settled, what, data: { asked: target.name, primary: currentPrimary } };
    },
  },
});

/** Runs the body while the primary is being changed; see `switchover`. */
export const withSwitchover = fixture(switchover);
