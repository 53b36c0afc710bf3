import * as catalogue from './catalogue/index.ts';
import type { Scenario, ScenarioFinding } from './scenario.ts';

export * from './catalogue/index.ts';
export { unmetNeeds } from './needs.ts';
export type { Budget, Expectation, Measured, Scenario, ScenarioFinding, ScenarioNeeds } from './scenario.ts';

/** The defect that a scenario shows. @throws TypeError when it shows none */
export function defectOf({ id, findings: [first] }: Scenario): ScenarioFinding {
  if (first === undefined) throw new TypeError(`scenario ${id} has no finding`);
  return first;
}

/** Every scenario record, by id. */
export const scenarios: readonly Scenario[] = Object.values(catalogue).toSorted((a, b) => a.id.localeCompare(b.id));
