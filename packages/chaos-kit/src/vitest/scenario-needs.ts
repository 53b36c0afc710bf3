import { KubeClient } from '@cnpg-chaos/cnpg-utils';
import { namespaceOf } from '../cluster/create-or-reuse.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import { labControl } from '../provider/lab.ts';
import { unmetNeeds } from '../scenario/needs.ts';
import type { Scenario } from '../scenario/scenario.ts';
import type { ChaosRunContext } from './provided.ts';
import { configOf } from './provision.ts';

/**
 * Why a scenario cannot run on the cluster of a run, before a database is made for it; undefined when it can, or when the
 * run connects to no cluster and the spec brings its own.
 */
export async function whyNot(
  scenario: Scenario,
  run: ChaosRunContext,
  engines: EngineRegistry,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (run.cluster === undefined) return undefined;
  const { kubeconfig, context, labName } = run.cluster;
  const { operatorNamespace, chaosMesh } = await configOf(run);
  const kube = KubeClient.fromFile(kubeconfig, context === undefined ? {} : { context });
  try {
    const problems = await unmetNeeds(
      scenario.needs,
      engines,
      {
        kube,
        cluster: { namespace: namespaceOf(scenario.profile), name: 'pg' },
        operatorNamespace,
        chaosMesh,
        lab: labName === undefined ? undefined : labControl(labName),
      },
      signal,
    );
    return problems.length === 0 ? undefined : problems.join('; ');
  } finally {
    await kube.close();
  }
}
