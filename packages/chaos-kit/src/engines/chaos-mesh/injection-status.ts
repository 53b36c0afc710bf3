import type { ChaosObject } from './chaos-object.ts';

/** What the object's own status says of the injection. It is not proof: see the fault's evidence. */
export type InjectionStatus =
  | { readonly state: 'injected'; readonly summary: string }
  | { readonly state: 'pending'; readonly summary: string }
  | { readonly state: 'failed'; readonly summary: string };

/**
 * Reads the injection state from the records rather than from the conditions, which are computed before the records and
 * so trail them.
 *
 * @param expectedIds record ids that must be there, such as `ns/pod`; a name that does not exist is skipped by Chaos
 * Mesh without an error, so the set is compared
 */
export function injectionStatus(object: ChaosObject, expectedIds: readonly string[]): InjectionStatus {
  const experiment = object.status?.experiment;
  const records = experiment?.containerRecords ?? [];
  const failed = records.flatMap((r) => r.events ?? []).findLast((e) => e.type === 'Failed' && e.operation === 'Apply');
  const summary = describe(object);
  if (object.metadata.deletionTimestamp !== undefined)
    return { state: 'failed', summary: 'somebody deletes the object' };
  if (records.length > 0) {
    const ids = records.map((record) => record.id);
    const missing = expectedIds.filter((id) => !ids.includes(id));
    const foreign = ids.filter((id) => !expectedIds.includes(id));
    if (missing.length > 0 || foreign.length > 0) {
      const text = `selected ${ids.join(', ')} instead of ${expectedIds.join(', ')}`;
      return { state: 'failed', summary: text };
    }
  }
  const injected =
    records.length > 0 && records.every((record) => record.phase === 'Injected' && record.injectedCount >= 1);
  if (injected && experiment?.desiredPhase === 'Run') return { state: 'injected', summary };
  if (failed !== undefined) return { state: 'failed', summary: failed.message ?? 'Failed/Apply without a message' };
  return { state: 'pending', summary };
}

function describe(object: ChaosObject): string {
  const records = object.status?.experiment?.containerRecords ?? [];
  const conditions = (object.status?.conditions ?? []).filter((c) => c.status === 'True').map((c) => c.type);
  const parts = records.map((record) => `${record.id}: ${record.phase} (${record.injectedCount}x)`);
  return `desired ${object.status?.experiment?.desiredPhase ?? 'unset'}, conditions [${conditions.toSorted().join(', ')}], records [${parts.join(', ')}]`;
}
