import type { NeededRight } from '../access.ts';
import type { EngineContext } from '../engine.ts';
import { EngineError } from '../engine-error.ts';

const form = /^(?<verb>[a-z]+) (?<resource>[a-z]+)(?:\/(?<subresource>[a-z]+))?(?:\.(?<group>[a-z.]+))?(?<place> .+)?$/;

const places = ['where the operator runs', 'cluster-wide'] as const;

/**
 * Reads a need of the kubernetes engine: a right, such as `delete pods`, `create pods/exec`, `patch nodes cluster-wide`
 * or `patch deployments.apps where the operator runs`. Without a place it is meant in the namespace under test.
 *
 * @throws EngineError when it is none
 */
export function parseRight(need: string, context: Pick<EngineContext, 'cluster' | 'operatorNamespace'>): NeededRight {
  const found = form.exec(need)?.groups;
  const place = found?.['place']?.trim();
  const known = place === undefined || places.some((each) => each === place);
  const verb = found?.['verb'];
  const resource = found?.['resource'];
  if (verb === undefined || resource === undefined || !known) {
    throw new EngineError(
      'kubernetes',
      `need: got ${JSON.stringify(need)}, expected a right such as "patch nodes cluster-wide"`,
    );
  }
  const subresource = found?.['subresource'];
  const namespaces = { 'where the operator runs': context.operatorNamespace, 'cluster-wide': undefined };
  const namespace = place === undefined ? context.cluster.namespace : namespaces[place as (typeof places)[number]];
  return {
    verb,
    resource,
    group: found?.['group'] ?? '',
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}
