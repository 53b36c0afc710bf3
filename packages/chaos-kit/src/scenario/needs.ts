import { listNodes } from '@cnpg-chaos/cnpg-utils';
import type { EngineContext } from '../engines/engine.ts';
import type { EngineRegistry } from '../engines/registry.ts';
import type { ScenarioNeeds } from './scenario.ts';

/** What a cluster lacks for a scenario, one sentence each; empty when it can run. Touches nothing. */
export async function unmetNeeds(
  needs: ScenarioNeeds,
  engines: EngineRegistry,
  context: EngineContext,
  signal: AbortSignal,
): Promise<string[]> {
  const nodes = await listNodes(context.kube, { signal });
  const usable = nodes.filter(({ spec, status }) => {
    const ready = status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
    const closed = spec?.taints?.some(({ effect }) => effect !== 'PreferNoSchedule') ?? false;
    return ready && spec?.unschedulable !== true && !closed;
  });
  const problems: string[] = [];
  if (usable.length < needs.nodes)
    problems.push(`it needs ${needs.nodes} nodes that take pods, there are ${usable.length}`);
  for (const name of needs.engines) {
    for (const { missing } of await engines[name].preflight(context, signal, [])) {
      problems.push(`it needs the engine ${name}: ${missing}`);
    }
  }
  return problems;
}
