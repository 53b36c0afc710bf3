import { randomUUID } from 'node:crypto';
import type { Action, Engine, EngineContext, Json, PlannedAction, UndoEntry } from '../engines/engine.ts';
import { EngineUnavailableError } from '../engines/engine-error.ts';
import type { Fault, FaultContext, OptionsSchema, ParsedFaultOptions } from '../faults/fault.ts';
import type { Observation } from '../faults/observation.ts';
import { experimentLabel, faultLabel, managedByLabels, runLabel } from '../safety/labels.ts';
import { describeTarget, type ResolvedTarget, TargetError } from '../targets/target.ts';

/** A fault whose targets are resolved and whose action is planned; nothing was touched yet. */
export interface PreparedFault {
  readonly id: string;
  readonly fault: string;
  readonly engine: Engine;
  readonly options: { readonly [key: string]: Json };
  readonly targets: readonly ResolvedTarget[];
  readonly action: Action;
  readonly planned: PlannedAction;
  /** What it takes for itself while it is in force. */
  readonly occupies: readonly string[];
  readonly entries: readonly UndoEntry[];
  readonly lookEffect: (signal: AbortSignal) => Promise<Observation>;
  readonly lookHealed: (signal: AbortSignal) => Promise<Observation>;
}

/** Who prepares it. */
export interface PrepareContext {
  readonly engine: Engine;
  readonly engineContext: EngineContext;
  readonly runId: string;
  readonly experimentId: string;
  readonly ttlMs: number;
}

/** Turns a fault, its options and its targets into what is to be journalled and done. Has no side effects. */
export function prepareFault<S extends OptionsSchema>(
  fault: Fault<S>,
  options: ParsedFaultOptions<S>,
  targets: readonly ResolvedTarget[],
  context: PrepareContext,
): PreparedFault {
  const [target] = targets;
  if (target === undefined) throw new TargetError(`${fault.name}: its target resolved to nothing`);
  const most = fault.maxTargets ?? 1;
  if (targets.length > most) {
    const hit = targets.map(describeTarget).join(', ');
    throw new TargetError(
      `${fault.name}: it may hit ${most} at once, but its target resolved to ${targets.length}: ${hit}`,
    );
  }
  const { engine, engineContext, runId, experimentId, ttlMs } = context;
  const plan = fault.engines[engine.name];
  if (plan === undefined)
    throw new EngineUnavailableError(`${fault.name}: engine "${engine.name}" cannot do this fault`);
  const { kube, cluster, operatorNamespace, lab } = engineContext;
  // also the name of what the engine creates: unique, and short enough for every kind
  const id = `${fault.name}-${randomUUID().slice(0, 8)}`;
  const { own } = options;
  const told: FaultContext<S> = { faultId: id, kube, cluster, operatorNamespace, lab, target, targets, options: own };
  const labels = {
    ...managedByLabels,
    [runLabel]: runId,
    [experimentLabel]: experimentId,
    [faultLabel]: fault.name,
  };
  const action = plan(told);
  const planned = action.plan({ ...engineContext, faultId: id, labels, ttlMs });
  const entries = planned.undo.map((step, index) => ({
    ...step,
    id: `${id}/${index}`,
    engine: engine.name,
    faultId: id,
  }));
  return {
    id,
    fault: fault.name,
    engine,
    options: JSON.parse(JSON.stringify(options.own)) as { readonly [key: string]: Json },
    targets,
    action,
    planned,
    occupies: fault.occupies?.({ targets, options: options.own }) ?? [],
    entries,
    lookEffect: (signal) => fault.evidence.effect(told, signal),
    lookHealed: (signal) => fault.evidence.healed(told, signal),
  };
}
