import { agentEngine } from './agent/agent-engine.ts';
import { chaosMeshEngine } from './chaos-mesh/chaos-mesh-engine.ts';
import type { Engine, EngineName } from './engine.ts';
import { kubernetesEngine } from './kubernetes/kubernetes-engine.ts';
import { labEngine } from './lab/lab-engine.ts';

/** All engines by name. */
export type EngineRegistry = Readonly<Record<EngineName, Engine>>;

/** The engines that come with the kit. */
export const defaultEngines: EngineRegistry = {
  kubernetes: kubernetesEngine,
  'chaos-mesh': chaosMeshEngine,
  agent: agentEngine,
  lab: labEngine,
};
