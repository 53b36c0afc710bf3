export { up } from './up.ts';
export { down } from './down.ts';
export { status, type LabState, type LabStatus } from './status.ts';
export {
  attachToNode,
  execInNode,
  kubeconfigPath,
  nodeLogs,
  nodeNames,
  type NodeCommandOptions,
} from './node-commands.ts';
export { nodePower, powerOwner, setNodePower, type NodePower, type NodePowerOptions } from './node-power.ts';
export type { Lab, LabNode, LabOptions } from './lab.ts';
export { LabError, type LabErrorCode } from './errors.ts';
export { defaultLabName } from './lab-name.ts';
export {
  buildComponents,
  buildOperandImage,
  cacheDir,
  type BuildOptions,
  type BuiltImage,
  type BuiltLab,
} from './build/index.ts';
export { prune } from './prune.ts';
export { ensureHost } from './host/index.ts';
export { TerminalProgress, type Progress, type StepHandle } from './progress.ts';
