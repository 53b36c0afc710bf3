import { getCluster, isFenced, type KubeClient, listInstances, PsqlError, psqlRows } from '@cnpg-chaos/cnpg-utils';
import { z } from 'zod';
import { fenceInstances } from '../engines/kubernetes/edits.ts';
import { theCluster } from '../targets/cluster.ts';
import { podSelector, podTargetSpec } from '../targets/target-spec.ts';
import { type ClusterTarget, type PodTarget, TargetError, type TargetSelector } from '../targets/target.ts';
import { defineFault, type FaultContext, type OptionsSchema } from './fault.ts';
import { fixture } from './fixture.ts';

/**
 * Instances are fenced: PostgreSQL is stopped, the pods stay and are not ready. A fenced primary is not failed over. The
 * change goes through the operator's webhook, and so does taking it back.
 */
export const fencing = defineFault({
  name: 'fencing',
  options: z.object({ target: podTargetSpec.default('primary') }),
  target: ({ target }) => clusterAnd(podSelector(target)),
  // the Cluster object and up to five instances
  maxTargets: 6,
  engines: {
    kubernetes({ targets }) {
      const names = targets.filter(isPod).map(({ name }) => name);
      return fenceInstances(clusterOf(targets), names);
    },
  },
  unsupported: { 'chaos-mesh': 'it knows nothing of CloudNativePG' },
  needs: { kubernetes: ['patch clusters.postgresql.cnpg.io'] },
  occupies: ({ targets }) => targets.filter(isPod).map(({ name }) => `fence of ${name}`),
  evidence: {
    effect: async (context, signal) => {
      const looks = await lookAt(context, signal);
      return { seen: looks.every(({ fenced, answers: up }) => fenced && !up), what: describe(looks) };
    },
    healed: async (context, signal) => {
      const looks = await lookAt(context, signal);
      return { seen: looks.every(({ fenced, ready, answers: up }) => !fenced && ready && up), what: describe(looks) };
    },
    // a primary with clients is given its smart shutdown first, for up to 3 min
    effectWithin: '200s',
  },
});

type FencingTarget = ClusterTarget | PodTarget;

function clusterAnd(pods: TargetSelector<PodTarget>): TargetSelector<FencingTarget> {
  return {
    description: pods.description,
    async resolve(context, signal) {
      const found = await pods.resolve(context, signal);
      const foreign = found.filter(({ namespace }) => namespace !== context.cluster.namespace);
      if (foreign.length > 0)
        throw new TargetError(`fencing: ${foreign.map(({ name }) => name).join(', ')} is no instance`);
      return found.length === 0 ? [] : [...(await theCluster().resolve(context, signal)), ...found];
    },
  };
}

interface Look {
  readonly name: string;
  readonly fenced: boolean;
  readonly ready: boolean;
  /** PostgreSQL takes connections. */
  readonly answers: boolean;
}

async function lookAt(
  { kube, cluster, targets }: FaultContext<OptionsSchema, FencingTarget>,
  signal: AbortSignal,
): Promise<Look[]> {
  const [now, instances] = await Promise.all([
    getCluster(kube, cluster, { signal }),
    listInstances(kube, cluster, { signal }),
  ]);
  return Promise.all(
    targets.filter(isPod).map(async (target) => {
      const { name } = target;
      const ready = instances.find((instance) => instance.name === name)?.pod.ready === true;
      return { name, fenced: isFenced(now, name), ready, answers: await answers(kube, target, signal) };
    }),
  );
}

// Readiness trails by three probes of ten seconds.
async function answers(kube: KubeClient, pod: PodTarget, signal: AbortSignal): Promise<boolean> {
  try {
    await psqlRows(kube, pod, 'SELECT 1 AS one', { signal });
    return true;
  } catch (error) {
    if (error instanceof PsqlError) return false;
    throw error;
  }
}

function describe(looks: readonly Look[]): string {
  return looks
    .map(
      ({ name, fenced, ready, answers: up }) =>
        `${name} is ${fenced ? '' : 'not '}fenced, ${up ? 'answers' : 'does not answer'} and is ${ready ? '' : 'not '}ready`,
    )
    .join('; ');
}

function clusterOf(targets: readonly FencingTarget[]): ClusterTarget {
  const found = targets.find((target) => target.kind === 'cluster');
  if (found === undefined) throw new TargetError('fencing: the Cluster is not among its targets');
  return found;
}

function isPod(target: FencingTarget): target is PodTarget {
  return target.kind === 'pod';
}

/** Runs the body with instances fenced; see `fencing`. */
export const withFencing = fixture(fencing);
