import type { PodTarget } from '../../targets/target.ts';
import type { Action } from '../engine.ts';
import { agentFault } from './agent-fault.ts';

/** Makes the processes of a container stand still. */
export function freeze(targets: readonly PodTarget[], container: string): Action {
  const parts = targets.map((target) => ({ target, family: 'freeze', container, args: [] }));
  return agentFault(`freeze ${targets.map(({ name }) => name).join(', ')}`, parts);
}
