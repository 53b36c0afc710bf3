import { operatorStatus, probeWebhook } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { deletePod } from '../engines/kubernetes/delete-pod.ts';
import { scaleDeployment } from '../engines/kubernetes/edits.ts';
import { operator, operatorDeployment, operatorLeader } from '../targets/operator.ts';
import type { DeploymentTarget, PodTarget, TargetSelector } from '../targets/target.ts';
import { defineFault } from './fault.ts';
import { fixture } from './fixture.ts';
import { podKilled } from './pod-evidence.ts';

/**
 * Nobody reconciles clusters. With `mode: 'scale'` (default) the operator's Deployment has no pods until the fault is
 * healed: nothing fails over, and writes to Clusters are refused because their webhook is gone. With `mode: 'kill'` its
 * pods are deleted without grace, and the Deployment makes new ones at once: the operator starts over in the middle of
 * what it was doing, after the dead one's Lease has run out (15 s). `kill-leader` deletes only the pod that leads, where
 * the operator has several.
 */
export const operatorDown = defineFault({
  name: 'operator-down',
  options: z.object({ mode: z.enum(['scale', 'kill', 'kill-leader']).default('scale') }),
  target: ({ mode }): TargetSelector<DeploymentTarget | PodTarget> =>
    mode === 'scale' ? operatorDeployment() : mode === 'kill' ? operator() : operatorLeader(),
  maxTargets: 3,
  engines: {
    kubernetes({ target, targets }) {
      if (target.kind === 'deployment') return scaleDeployment(target, 0);
      return deletePod(targets.filter(isPod), { gracePeriodSeconds: 0 });
    },
  },
  unsupported: { 'chaos-mesh': 'it has no fault that keeps a Deployment down' },
  needs: {
    kubernetes: ({ mode }) => [
      `${mode === 'scale' ? 'patch deployments.apps' : 'delete pods'} where the operator runs`,
      'list deployments.apps where the operator runs',
    ],
  },
  occupies: () => ['operator'],
  evidence: {
    async effect({ kube, operatorNamespace, targets }, signal) {
      const killed = targets.filter(isPod);
      if (killed.length > 0) {
        const looks = await Promise.all(killed.map((pod) => podKilled(kube, pod, signal)));
        return { seen: looks.every(({ seen }) => seen), what: looks.map(({ what }) => what).join('; ') };
      }
      const { pods } = await operatorStatus(kube, { namespace: operatorNamespace, signal });
      const left = pods.map(({ name, terminating }) => `${name}${terminating ? ' (terminating)' : ''}`).join(', ');
      return { seen: pods.length === 0, what: left === '' ? 'the operator has no pod' : `operator pods left: ${left}` };
    },
    async healed({ kube, operatorNamespace }, signal) {
      const status = await operatorStatus(kube, { namespace: operatorNamespace, signal });
      if (!status.ready) return { seen: false, what: status.problems.join('; ') };
      const webhook = await probeWebhook(kube, { signal });
      if (!webhook.answers) return { seen: false, what: webhook.problem ?? 'the webhook does not answer' };
      return { seen: true, what: `the operator is ready (${status.replicas.available} pods) and its webhook answers` };
    },
    effectWithin: '60s',
  },
});

function isPod(target: DeploymentTarget | PodTarget): target is PodTarget {
  return target.kind === 'pod';
}

/** Runs the body without an operator; see `operatorDown`. */
export const withOperatorDown = fixture(operatorDown);
